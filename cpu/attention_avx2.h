// The AVX2 attention kernel; its own header because attention_avx2.cc is built for AVX2.
#pragma once
#include "cpu/team.h"
#include "engine/op.h"

namespace qwench::cpu {

const char* attention_avx2_unsupported(const AttentionArgs& args);
void attention_avx2(Team& team, const AttentionArgs& args);

}  // namespace qwench::cpu
