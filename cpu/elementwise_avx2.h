// The AVX2 kernels between the matrix products, each built in the <op>_avx2.cc of its op.
#pragma once
#include "cpu/team.h"
#include "engine/ops/ops.h"

namespace qwench::cpu {

void rms_norm_avx2(Team& team, const RmsNormArgs& args);

/// head_dim must be a multiple of 16.
void qk_norm_rope_avx2(Team& team, const QkNormRopeArgs& args);

void swiglu_avx2(Team& team, const SwiGluArgs& args);

}  // namespace qwench::cpu
