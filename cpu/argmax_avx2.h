// The AVX2 argmax; its own header because argmax_avx2.cc is built for AVX2.
#pragma once
#include "engine/ops/ops.h"

namespace qwench::cpu {

/// First the largest value, then the first index that has it.
void argmax_avx2(const ArgmaxArgs& args);

}  // namespace qwench::cpu
