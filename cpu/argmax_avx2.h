// The AVX2 argmax; its own header because argmax_avx2.cc is built for AVX2.
#pragma once
#include "cpu/team.h"
#include "engine/ops/ops.h"

namespace qwench::cpu {

/// First the largest value, and what is not finite; then the first index that has it.
void argmax_avx2(Team& team, const ArgmaxArgs& args);

}  // namespace qwench::cpu
