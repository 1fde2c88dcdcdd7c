// The RMS norm of a row, shared by rms_norm, the products that begin with it, and qk_norm_rope. A sum has one order: 8 lanes over the
// columns, folded once, then the tail. Only *_avx2.cc files include this.
#pragma once
#include <cmath>

#include "cpu/simd_avx2.h"

namespace qwench::cpu {
namespace {  // one copy per file: never merged with code built for another ISA

/// Fewer tokens are not worth waking a thread for.
constexpr int64_t kTokenGrain = 8;

/// sum x^2; Inf where that leaves f32
inline float sum_of_squares(const float* x, int64_t n) {
  __m256 squares = _mm256_setzero_ps();
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m256 v = _mm256_loadu_ps(x + i);
    squares = _mm256_fmadd_ps(v, v, squares);
  }
  float sum = sum_lanes(squares);
  for (; i < n; ++i) sum = std::fma(x[i], x[i], sum);
  return sum;
}

/// y = x * scale * w
inline void scale_by(const float* x, float scale, const float* w, float* y, int64_t n) {
  const __m256 s = _mm256_set1_ps(scale);
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m256 scaled = _mm256_mul_ps(_mm256_loadu_ps(x + i), s);
    _mm256_storeu_ps(y + i, _mm256_mul_ps(scaled, _mm256_loadu_ps(w + i)));
  }
  for (; i < n; ++i) y[i] = x[i] * scale * w[i];
}

/// The same norm in double, as the reference has it: for rows whose squares f32 cannot hold.
__attribute__((noinline)) inline void rms_norm_in_double(const float* x, int64_t n, float eps,
                                                         const float* w, float* y) {
  double squares = 0;
  for (int64_t i = 0; i < n; ++i) squares += double(x[i]) * double(x[i]);
  const double scale = 1 / std::sqrt(squares / double(n) + double(eps));
  for (int64_t i = 0; i < n; ++i) y[i] = float(x[i] * scale * w[i]);
}

/// y = x / sqrt(mean(x^2) + eps) * w; y may be x. Beyond 1.8e19 a square is Inf in f32, and all of y would
/// be 0; below 1e-19 it loses digits, which shows where eps is as small.
inline void rms_norm_row(const float* x, int64_t n, float eps, const float* w, float* y) {
  constexpr float kLeast = 0x1p-100f, kMost = 0x1p+127f;
  const float mean = sum_of_squares(x, n) / float(n) + eps;
  if (!(mean > kLeast && mean < kMost)) return rms_norm_in_double(x, n, eps, w, y);
  scale_by(x, 1.0f / std::sqrt(mean), w, y, n);
}

}  // namespace
}  // namespace qwench::cpu
