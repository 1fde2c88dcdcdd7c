// The attention kernels by blocks of keys, one file per instruction set.
#pragma once
#include "cpu/team.h"
#include "engine/ops/ops.h"

namespace qwench::cpu {

const char* attention_avx2_unsupported(const AttentionArgs& args);
void attention_avx2(Team& team, const AttentionArgs& args);

const char* attention_avx512_unsupported(const AttentionArgs& args);
void attention_avx512(Team& team, const AttentionArgs& args);

}  // namespace qwench::cpu
