// Products of one packed panel of f32, f16 or bf16 weights with rows of activations. For output o of
// row t a chain of fused multiply-adds over ascending k, in every function, so that all give the same
// bits.
#pragma once
#include "cpu/panels.h"

namespace qwench::cpu {

constexpr int64_t kWidenedK = 256;  // most k per widened piece: 256 x 32 floats = 32 KB
constexpr int64_t kFloatPrefetchBytes = 4096;

/// sums[32] = panel x one row of activations.
void float_gemv_avx2(DType dtype, const void* panel, const float* x, int64_t in, float* sums);

/// sums[t][32] = panel x n_tokens rows. widened: kWidenedK x 32 floats of scratch.
void float_gemm_avx2(DType dtype, const void* panel, const float* x, int64_t in, int64_t n_tokens,
                     float* widened, float* sums);
/// The same with vectors of 512 bits.
void float_gemm_avx512(DType dtype, const void* panel, const float* x, int64_t in, int64_t n_tokens,
                       float* widened, float* sums);

}  // namespace qwench::cpu
