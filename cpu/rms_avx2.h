// The two halves of an RMS norm, shared by add_rms_norm and qk_norm_rope. A sum has one order: 8
// lanes over the columns, folded once, then the tail. Only *_avx2.cc files include this.
#pragma once
#include <cmath>

#include "cpu/simd_avx2.h"

namespace qwench::cpu {
namespace {  // one copy per file: never merged with code built for another ISA

/// Fewer tokens are not worth waking a thread for.
constexpr int64_t kTokenGrain = 8;

/// 1 / sqrt(mean(x^2) + eps)
inline float inverse_rms(const float* x, int64_t n, float eps) {
  __m256 squares = _mm256_setzero_ps();
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m256 v = _mm256_loadu_ps(x + i);
    squares = _mm256_fmadd_ps(v, v, squares);
  }
  float sum = sum_lanes(squares);
  for (; i < n; ++i) sum = std::fma(x[i], x[i], sum);
  return 1.0f / std::sqrt(sum / float(n) + eps);
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

}  // namespace
}  // namespace qwench::cpu
