// The register tile that every f32 product is made of: kRows rows of x against kVectors x 8 columns
// of w. Only *_avx2.cc files include this.
#pragma once
#include <immintrin.h>

#include <cstdint>

namespace qwench::cpu {
namespace {  // one copy per file: never merged with code built for another ISA

/// sums[r][c] += sum over k < n, ascending, of x[r][k] * w[k][c]; strides in floats.
/// 3 x 4 is the best shape in 16 registers: 12 sums, 3 broadcasts, one w: 7 loads for 12 fmas.
template <int kRows, int kVectors>
inline void tile(const float* w, int64_t w_stride, const float* x, int64_t x_stride, int64_t n,
                 float* sums, int64_t sums_stride) {
  __m256 acc[kRows][kVectors];
  for (int r = 0; r < kRows; ++r)
    for (int v = 0; v < kVectors; ++v) acc[r][v] = _mm256_loadu_ps(sums + r * sums_stride + 8 * v);
  for (int64_t k = 0; k < n; ++k, w += w_stride) {
    __m256 xk[kRows];
    for (int r = 0; r < kRows; ++r) xk[r] = _mm256_broadcast_ss(x + r * x_stride + k);
    for (int v = 0; v < kVectors; ++v) {
      const __m256 wv = _mm256_loadu_ps(w + 8 * v);
      for (int r = 0; r < kRows; ++r) acc[r][v] = _mm256_fmadd_ps(wv, xk[r], acc[r][v]);
    }
  }
  for (int r = 0; r < kRows; ++r)
    for (int v = 0; v < kVectors; ++v) _mm256_storeu_ps(sums + r * sums_stride + 8 * v, acc[r][v]);
}

/// The same for 1 to 3 rows.
template <int kVectors>
inline void tile_rows(int rows, const float* w, int64_t w_stride, const float* x, int64_t x_stride,
                      int64_t n, float* sums, int64_t sums_stride) {
  if (rows == 3) return tile<3, kVectors>(w, w_stride, x, x_stride, n, sums, sums_stride);
  if (rows == 2) return tile<2, kVectors>(w, w_stride, x, x_stride, n, sums, sums_stride);
  tile<1, kVectors>(w, w_stride, x, x_stride, n, sums, sums_stride);
}

}  // namespace
}  // namespace qwench::cpu
