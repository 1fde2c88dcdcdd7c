// Products of a packed panel of bf16 weights with activations rounded to bf16, in pairs: for output o of
// row t and pairs of k in ascending order, sum += x[k + 1] * w[k + 1], then sum += x[k] * w[k], each
// rounded once; subnormal numbers count as zero. The instruction defines it so, hence the same bits for
// any number of rows.
// Source: Intel SDM, VDPBF16PS.
#pragma once
#include "cpu/panels.h"

namespace qwench::cpu {

/// Elements of a row of activations: `in`, made even with a zero.
inline int64_t bf16_row(int64_t in) { return packed_in(DType::kBF16, in); }

/// Rounds n rows of x, [n][in], to the nearest bf16, ties to even: to[n][bf16_row(in)].
void bf16_rows_avx512bf16(Team& team, const float* x, int64_t n, int64_t in, uint16_t* to);

/// sums[t][32] = panel x n rows, x[n][bf16_row(in)].
void bf16_product_avx512bf16(const void* panel, const uint16_t* x, int64_t in, int64_t n,
                             float* sums);

}  // namespace qwench::cpu
