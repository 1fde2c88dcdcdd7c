// Matrix products over packed panels: the engine room of linear, norm_qkv, norm_gate_up and
// norm_logits. One driver hands panels to the team; what multiplies a panel is a table of functions per
// instruction set. One summation order everywhere: per output a chain of fused multiply-adds, k
// ascending (of quantised weights: blocks of 32 k).
#pragma once
#include "cpu/panels.h"
#include "cpu/quant_rows.h"
#include "engine/ops/ops.h"

namespace qwench::cpu {

/// The products of one instruction set: see float_product.h, quant_product.h and bf16_product.h.
struct PanelProducts {
  const char* (*missing)(DType);  // why this processor has none for such weights, or null
  void (*float_gemv)(DType, const void* panel, const float* x, int64_t in, float* sums);
  void (*float_gemm)(DType, const void* panel, const float* x, int64_t in, int64_t n_tokens,
                     float* widened, float* sums);
  QuantRows (*quant_rows)(DType, int64_t n_rows, int64_t n_blocks);
  void (*quant_product)(DType, const void* panel, const QuantRows& rows, char* unpacked,
                        float* sums);
  // Set where bf16 weights meet activations rounded to bf16.
  void (*bf16_rows)(Team&, const float* x, int64_t n_rows, int64_t in, uint16_t* to) = nullptr;
  void (*bf16_product)(const void* panel, const uint16_t* x, int64_t in, int64_t n_rows,
                       float* sums) = nullptr;
};
extern const PanelProducts kPanelAvx2, kPanelAvx512;
extern const PanelProducts kPanelAvx2Int7;    // activations of quantised weights in 7 bits
extern const PanelProducts kPanelAvx512Bf16;  // activations of bf16 weights in bf16

/// The rows that matrices are multiplied with: x, or its RMS norm where `norm` is given. The norm and the
/// rounding of a row are one preparation.
struct PanelInput {
  TensorView x;     // [n_tokens, in]
  TensorView norm;  // [in] or null
  float eps = 0;
  TensorView normed;  // [n_tokens, in], where the norm goes
};

/// y = input @ W^T (+ bias), or y += that, for each of n matrices of one type that share the input, handed
/// out to the team as one pool of panels.
void panel_matmul(Team& team, const PanelInput& input, const LinearArgs* matmuls, int n,
                  const PanelProducts& products);

/// norm_gate_up: both panels of the same rows, joined before they leave the cache.
void panel_gate_up(Team& team, const NormGateUpArgs& args, const PanelProducts& products);

/// Why the kernel for `dtype` cannot multiply with w, or null.
const char* panel_unsupported(const WeightView& w, DType dtype, const PanelProducts& products);

}  // namespace qwench::cpu
