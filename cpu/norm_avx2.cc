// Element-wise kernels of a layer. Threads split tokens; within a token every sum has one order:
// 8 lanes over the columns, folded once, then the tail.
#include "cpu/norm_avx2.h"

#include <algorithm>
#include <cmath>

#include "cpu/simd_avx2.h"

namespace qwench::cpu {

namespace {

constexpr int64_t kTokenGrain = 8;  // fewer tokens are not worth waking a thread for

float inverse_rms(const float* x, int64_t n, float eps) {
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

void add_to(float* x, const float* delta, int64_t n) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    _mm256_storeu_ps(x + i, _mm256_add_ps(_mm256_loadu_ps(x + i), _mm256_loadu_ps(delta + i)));
  for (; i < n; ++i) x[i] += delta[i];
}

void scale_by(const float* x, float scale, const float* w, float* y, int64_t n) {
  const __m256 s = _mm256_set1_ps(scale);
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m256 scaled = _mm256_mul_ps(_mm256_loadu_ps(x + i), s);
    _mm256_storeu_ps(y + i, _mm256_mul_ps(scaled, _mm256_loadu_ps(w + i)));
  }
  for (; i < n; ++i) y[i] = x[i] * scale * w[i];
}

/// Rotates one head: pairs (j, j + head_dim / 2).
void rotate(float* x, const float* cos, const float* sin, int64_t half) {
  for (int64_t j = 0; j < half; j += 8) {
    const __m256 c = _mm256_loadu_ps(cos + j), s = _mm256_loadu_ps(sin + j);
    const __m256 a = _mm256_loadu_ps(x + j), b = _mm256_loadu_ps(x + half + j);
    _mm256_storeu_ps(x + j, _mm256_fmsub_ps(a, c, _mm256_mul_ps(b, s)));
    _mm256_storeu_ps(x + half + j, _mm256_fmadd_ps(b, c, _mm256_mul_ps(a, s)));
  }
}

void norm_and_rotate(const TensorView& heads, int64_t token, const TensorView& norm, float eps,
                     const float* cos, const float* sin) {
  const int64_t n_heads = heads.shape[1], head_dim = heads.shape[2];
  for (int64_t h = 0; h < n_heads; ++h) {
    float* x = heads.row<float>(token * n_heads + h);
    if (norm) scale_by(x, inverse_rms(x, head_dim, eps), norm.as<const float>(), x, head_dim);
    rotate(x, cos, sin, head_dim / 2);
  }
}

/// Writes 8 values to cache elements start, start + step, ...
void store8(const KvView& cache, void* base, int64_t start, int64_t step, const float* from) {
  if (cache.dtype == DType::kF32) {
    float* to = static_cast<float*>(base) + start;
    for (int64_t i = 0; i < 8; ++i) to[i * step] = from[i];
    return;
  }
  alignas(16) uint16_t halves[8];
  _mm_store_si128(reinterpret_cast<__m128i*>(halves),
                  _mm256_cvtps_ph(_mm256_loadu_ps(from), _MM_FROUND_TO_NEAREST_INT));
  uint16_t* to = static_cast<uint16_t*>(base) + start;
  for (int64_t i = 0; i < 8; ++i) to[i * step] = halves[i];
}

void store_kv(const QkNormRopeArgs& a, int64_t token, int64_t pos) {
  const int64_t seq = a.sequences.as<const int32_t>()[token];
  for (int64_t h = 0; h < a.cache.n_kv_heads; ++h) {
    const float* k = a.k.row<const float>(token * a.cache.n_kv_heads + h);
    const float* v = a.v.row<const float>(token * a.cache.n_kv_heads + h);
    for (int64_t d = 0; d < a.cache.head_dim; d += 8) {
      store8(a.cache, a.cache.k, a.cache.k_index(seq, h, pos, d), kKvBlock, k + d);
      store8(a.cache, a.cache.v, a.cache.v_index(seq, h, pos, d), 1, v + d);
    }
  }
}

}  // namespace

void add_rms_norm_avx2(Team& team, const AddRmsNormArgs& a) {
  const int64_t dim = a.x.cols();
  team.parallel_for(a.x.rows(), kTokenGrain, [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t) {
      float* x = a.x.row<float>(t);
      if (a.delta) add_to(x, a.delta.row<const float>(t), dim);
      scale_by(x, inverse_rms(x, dim, a.eps), a.w.as<const float>(), a.y.row<float>(t), dim);
    }
  });
}

void qk_norm_rope_avx2(Team& team, const QkNormRopeArgs& a) {
  team.parallel_for(a.q.shape[0], kTokenGrain, [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t pos = a.positions.as<const int32_t>()[t];
      const float *cos = a.cos.row<const float>(pos), *sin = a.sin.row<const float>(pos);
      norm_and_rotate(a.q, t, a.q_norm, a.eps, cos, sin);
      norm_and_rotate(a.k, t, a.k_norm, a.eps, cos, sin);
      store_kv(a, t, pos);
    }
  });
}

void swiglu_avx2(Team& team, const SwiGluArgs& a) {
  const float *gate = a.gate.as<const float>(), *up = a.up.as<const float>();
  float* h = a.h.as<float>();
  team.parallel_for(a.h.shape.count(), 4096, [&](int64_t begin, int64_t end, int) {
    int64_t i = begin;
    for (; i + 8 <= end; i += 8)
      _mm256_storeu_ps(h + i, swiglu_ps(_mm256_loadu_ps(gate + i), _mm256_loadu_ps(up + i)));
    alignas(32) float tail[2][8] = {};
    for (int64_t j = i; j < end; ++j) tail[0][j - i] = gate[j], tail[1][j - i] = up[j];
    _mm256_store_ps(tail[0], swiglu_ps(_mm256_load_ps(tail[0]), _mm256_load_ps(tail[1])));
    for (int64_t j = i; j < end; ++j) h[j] = tail[0][j - i];
  });
}

}  // namespace qwench::cpu
