// qk_norm_rope: norm, rotation and store of a token's heads while they lie in L1.
#include "cpu/elementwise_avx2.h"
#include "cpu/kv_page.h"
#include "cpu/rms_avx2.h"

namespace qwench::cpu {

namespace {

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
    if (norm) rms_norm_row(x, head_dim, eps, norm.as<const float>(), x);
    rotate(x, cos, sin, head_dim / 2);
  }
}

/// Writes 8 values to elements start, start + step, ... of a block.
void store8(DType type, char* block, int64_t start, int64_t step, const float* from) {
  if (type == DType::kF32) {
    float* to = reinterpret_cast<float*>(block) + start;
    for (int64_t i = 0; i < 8; ++i) to[i * step] = from[i];
    return;
  }
  alignas(16) uint16_t halves[8];
  const __m256 values = _mm256_loadu_ps(from);
  _mm_store_si128(
      reinterpret_cast<__m128i*>(halves),
      type == DType::kF16 ? _mm256_cvtps_ph(values, _MM_FROUND_TO_NEAREST_INT) : bf16_of(values));
  uint16_t* to = reinterpret_cast<uint16_t*>(block) + start;
  for (int64_t i = 0; i < 8; ++i) to[i * step] = halves[i];
}

void store_kv(const QkNormRopeArgs& a, int64_t token) {
  const KvView& c = a.cache;
  const int64_t sequence = a.sequences.as<const int32_t>()[token];
  const int64_t slot = a.slots.as<const int32_t>()[token];
  for (int64_t h = 0; h < c.n_kv_heads; ++h) {
    const KvBlock block = kv_block(c, sequence, slot, h);
    const float* k = a.k.row<const float>(token * c.n_kv_heads + h);
    const float* v = a.v.row<const float>(token * c.n_kv_heads + h);
    for (int64_t d = 0; d < c.head_dim; d += 8) {
      store8(c.k_type, block.k, key_place(slot, d), kKvBlock, k + d);
      store8(c.v_type, block.v, value_place(slot, d, c.head_dim), 1, v + d);
    }
  }
}

}  // namespace

void qk_norm_rope_avx2(Team& team, const QkNormRopeArgs& a) {
  team.parallel_for(a.q.shape[0], kTokenGrain, [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t) {
      const int64_t position = a.rotation.positions.as<const int32_t>()[t];
      const float* cos = a.rotation.cos.row<const float>(position);
      const float* sin = a.rotation.sin.row<const float>(position);
      norm_and_rotate(a.q, t, a.q_norm, a.eps, cos, sin);
      norm_and_rotate(a.k, t, a.k_norm, a.eps, cos, sin);
      store_kv(a, t);
    }
  });
}

}  // namespace qwench::cpu
