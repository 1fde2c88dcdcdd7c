// Products of one packed panel of quantised weights with int8 activations (AVX2). For output o of
// row t, and blocks of 32 k in ascending order:
//   sum = fma(x_scale[t][block] * w_scale[o][block], float(integer dot product), sum)
// The dot products are exact in every kernel, so GEMV and GEMM give the same bits.
#pragma once
#include "cpu/quant_panels.h"
#include "cpu/quant_rows.h"

namespace qwench::cpu {

/// Up to so many rows the GEMV is the faster one.
constexpr int64_t gemv_rows(DType t) { return t == DType::kQ8_0 ? 8 : 4; }

/// Bytes of scratch of the GEMM: an unpacked piece of a panel.
constexpr int64_t kUnpackedBytes = 24 << 10;

/// What is subtracted from the weights' unsigned integers in the GEMV.
constexpr int zero_point(DType t) { return t == DType::kQ4_0 ? 8 : t == DType::kQ4G ? 32 : 0; }

/// The form of n_rows activation rows that the product with a `t` panel reads; data still unset.
QuantRows rows_for(DType t, int64_t n_rows, int64_t n_blocks);

/// sums[row][32] = panel x rows. unpacked: kUnpackedBytes of scratch, 64-byte aligned.
void quant_product_avx2(DType t, const void* panel, const QuantRows& rows, char* unpacked,
                        float* sums);

/// The parts of quant_product_avx2: rows of form kInt8Sums, and of the others.
void quant_gemv_avx2(DType t, const void* panel, const QuantRows& rows, float* sums);
void quant_gemm_avx2(DType t, const void* panel, const QuantRows& rows, char* unpacked,
                     float* sums);

}  // namespace qwench::cpu
