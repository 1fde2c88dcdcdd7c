// Matrix products over packed panels (AVX2): the engine room of linear, qkv_linear, gate_up_swiglu
// and logits. One summation order everywhere: per output a chain of fused multiply-adds, k
// ascending (of quantised weights: blocks of 32 k).
#pragma once
#include "cpu/panels.h"
#include "engine/op.h"

namespace qwench::cpu {

/// y = x @ W^T (+ bias) for each of n matrices of one type that share x, handed out to the team as
/// one pool of panels.
void panel_matmul_avx2(Team& team, const LinearArgs* matmuls, int n);

/// h = silu(x @ Wg^T) * (x @ Wu^T): both panels of the same rows, joined before they leave the
/// cache.
void panel_gate_up_swiglu_avx2(Team& team, const GateUpSwiGluArgs& args);

/// Why the kernel for `dtype` cannot multiply with w, or null.
const char* panel_avx2_unsupported(const WeightView& w, DType dtype);

}  // namespace qwench::cpu
