// Products of one packed panel of quantised weights with int8 activations. For output o of row t, and
// blocks of 32 k in ascending order:
//   sum = fma(x_scale[t][block] * w_scale[o][block], float(integer dot product), sum)
// The dot products are exact in every kernel, so GEMV and GEMM of every instruction set give the same
// bits.
#pragma once
#include "cpu/quant_panels.h"
#include "cpu/quant_rows.h"

namespace qwench::cpu {

/// Bytes of scratch of the GEMM: an unpacked piece of a panel.
constexpr int64_t kUnpackedBytes = 24 << 10;

/// Part of rows of form kInt8Sums: n blocks of each, `stride` bytes apart.
struct Int8Rows {
  const char* data;
  int64_t stride, n_blocks;

  const char* integers(int row, int64_t block) const {
    return data + row * stride + block * kQuantBlock;
  }
  const char* scale(int row, int64_t block) const {
    return data + row * stride + n_blocks * kQuantBlock + block * 4;
  }
  const char* correction(int row, int64_t block) const { return scale(row, block) + n_blocks * 4; }
};

/// Up to so many rows of activations the GEMV is the faster one.
constexpr int64_t kGemvRowsAvx512Vnni = 16;

/// The form of n_rows activation rows that the product with a `t` panel reads; data still unset.
QuantRows quant_rows_avx2(DType t, int64_t n_rows, int64_t n_blocks);
/// The same with activations of 7 bits, for q8_0.
QuantRows quant_rows_7bit_avx2(DType t, int64_t n_rows, int64_t n_blocks);
QuantRows quant_rows_avx512vnni(DType t, int64_t n_rows, int64_t n_blocks);

/// sums[row][32] = panel x rows. unpacked: kUnpackedBytes of scratch, 64-byte aligned.
void quant_product_avx2(DType t, const void* panel, const QuantRows& rows, char* unpacked,
                        float* sums);
void quant_product_avx512vnni(DType t, const void* panel, const QuantRows& rows, char* unpacked,
                              float* sums);

/// The parts of the products: rows of form kInt8Sums, and of the others.
void quant_gemv_avx2(DType t, const void* panel, const QuantRows& rows, float* sums);
void quant_gemm_avx2(DType t, const void* panel, const QuantRows& rows, char* unpacked,
                     float* sums);
void quant_gemv_avx512vnni(DType t, const void* panel, const QuantRows& rows, float* sums);
void quant_gemm_avx512vnni(DType t, const void* panel, const QuantRows& rows, char* unpacked,
                           float* sums);

}  // namespace qwench::cpu
