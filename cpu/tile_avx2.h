// The register tile that every f32 product is made of: kRows rows of x against kVectors x 8 columns
// of w. Only *_avx2.cc files include this.
#pragma once
#include <immintrin.h>

#include <cstdint>
#include <type_traits>
#include <utility>

#define QWENCH_INLINE __attribute__((always_inline))

namespace qwench::cpu {
namespace {  // one copy per file: never merged with code built for another ISA

template <class F, int... I>
QWENCH_INLINE inline void unroll_over(std::integer_sequence<int, I...>, F&& f) {
  (f(std::integral_constant<int, I>{}), ...);
}

/// f(0), ..., f(N - 1) with constant arguments: GCC keeps an array in registers only when every index
/// is a constant before its loops are unrolled (with plain loops it stores each sum in each round).
template <int N, class F>
QWENCH_INLINE inline void unroll(F&& f) {
  unroll_over(std::make_integer_sequence<int, N>{}, f);
}

/// f of n as a constant, 1 <= n <= kMost: how a number of rows becomes a template argument.
template <int kMost, class F>
inline void with_count(int64_t n, F&& f) {
  unroll<kMost>([&](auto i) {
    if (n == i + 1) f(std::integral_constant<int, i + 1>{});
  });
}

/// sums[r][c] += sum over k < n, ascending, of x[r][k] * w[k][c]; strides in floats. Where it is the
/// first part of a sum, it begins at 0 whatever `sums` holds.
/// 3 x 4 is the best shape in 16 registers: 12 sums, 3 broadcasts, one w: 7 loads for 12 fmas.
template <int kRows, int kVectors>
inline void tile(const float* w, int64_t w_stride, const float* x, int64_t x_stride, int64_t n,
                 bool first, float* sums, int64_t sums_stride) {
  __m256 acc[kRows][kVectors];
  unroll<kRows>([&](auto r) QWENCH_INLINE {
    unroll<kVectors>([&](auto v) QWENCH_INLINE {
      acc[r][v] = first ? _mm256_setzero_ps() : _mm256_loadu_ps(sums + r * sums_stride + 8 * v);
    });
  });
  for (int64_t k = 0; k < n; ++k, w += w_stride) {
    __m256 xk[kRows];
    unroll<kRows>([&](auto r) QWENCH_INLINE { xk[r] = _mm256_broadcast_ss(x + r * x_stride + k); });
    unroll<kVectors>([&](auto v) QWENCH_INLINE {
      const __m256 wv = _mm256_loadu_ps(w + 8 * v);
      unroll<kRows>([&](auto r)
                        QWENCH_INLINE { acc[r][v] = _mm256_fmadd_ps(wv, xk[r], acc[r][v]); });
    });
  }
  unroll<kRows>([&](auto r) QWENCH_INLINE {
    unroll<kVectors>(
        [&](auto v) QWENCH_INLINE { _mm256_storeu_ps(sums + r * sums_stride + 8 * v, acc[r][v]); });
  });
}

/// The same for 1 to 3 rows.
template <int kVectors>
inline void tile_rows(int rows, const float* w, int64_t w_stride, const float* x, int64_t x_stride,
                      int64_t n, bool first, float* sums, int64_t sums_stride) {
  if (rows == 3) return tile<3, kVectors>(w, w_stride, x, x_stride, n, first, sums, sums_stride);
  if (rows == 2) return tile<2, kVectors>(w, w_stride, x, x_stride, n, first, sums, sums_stride);
  tile<1, kVectors>(w, w_stride, x, x_stride, n, first, sums, sums_stride);
}

}  // namespace
}  // namespace qwench::cpu
