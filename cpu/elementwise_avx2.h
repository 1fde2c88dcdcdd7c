// The AVX2 kernels between the matrix products, each built in the <op>_avx2.cc of its op.
#pragma once
#include "cpu/team.h"
#include "engine/ops/ops.h"

namespace qwench::cpu {

/// One pass over the residual for the sum of squares, one for the output; a token never shares a
/// sum.
void add_rms_norm_avx2(Team& team, const AddRmsNormArgs& args);

/// head_dim must be a multiple of 16.
void qk_norm_rope_avx2(Team& team, const QkNormRopeArgs& args);

void swiglu_avx2(Team& team, const SwiGluArgs& args);

}  // namespace qwench::cpu
