// Attention by blocks with vectors of 512 bits: six queries at a time; a block's scores stay in
// registers until they are weights, a block's output until it is merged.
#include <immintrin.h>

#include "cpu/attention_blocks.h"
#include "cpu/attention_kernels.h"
#include "cpu/ops.h"
#include "cpu/tile_avx2.h"

namespace qwench::cpu {

namespace {

constexpr int kRowsAtOnce = 6;
constexpr int kVectors = kKvBlock / 16;  // of a row of scores

/// e^x for x <= 0 to 2 ulp; as exp_ps(), scaled by 2^n in one step.
inline __m512 exp512(__m512 x) {
  const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504088896341f)),
                                        _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693145751953125f), x);
  r = _mm512_fnmadd_ps(n, _mm512_set1_ps(1.42860682030941723212e-6f), r);
  __m512 p = _mm512_set1_ps(1.0f / 720);
  for (const float c : {1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f})
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(c));
  return _mm512_scalef_ps(p, n);
}

/// Which of 16 lanes from `first` on are below n.
inline __mmask16 lanes_below(int64_t n, int64_t first) {
  return __mmask16(n - first >= 16 ? 0xffff : n <= first ? 0 : (1 << (n - first)) - 1);
}

/// score[row][64] = q . k over the head; K lies as [head_dim][64].
template <int kRows>
QWENCH_INLINE inline void scores(const float* k, const float* q, int64_t head_dim,
                                 __m512 (&score)[kRows][kVectors]) {
  unroll<kRows>([&](auto r) QWENCH_INLINE {
    unroll<kVectors>([&](auto v) QWENCH_INLINE { score[r][v] = _mm512_setzero_ps(); });
  });
  for (int64_t d = 0; d < head_dim; ++d, k += kKvBlock) {
    __m512 kd[kVectors];
    unroll<kVectors>([&](auto v) QWENCH_INLINE { kd[v] = _mm512_loadu_ps(k + 16 * v); });
    unroll<kRows>([&](auto r) QWENCH_INLINE {
      const __m512 qd = _mm512_set1_ps(q[r * head_dim + d]);
      unroll<kVectors>(
          [&](auto v) QWENCH_INLINE { score[r][v] = _mm512_fmadd_ps(kd[v], qd, score[r][v]); });
    });
  }
}

/// p[64] = exp(score - max) where a key is real, else 0; returns max and sum.
inline void softmax_row(const __m512 (&score)[kVectors], int64_t n, float* p, float& m, float& l) {
  const __m512 lowest = _mm512_set1_ps(-__builtin_inff());
  __mmask16 real[kVectors];
  __m512 largest = lowest, sum = _mm512_setzero_ps();
  unroll<kVectors>([&](auto v) QWENCH_INLINE {
    real[v] = lanes_below(n, 16 * v);
    largest = _mm512_max_ps(largest, _mm512_mask_mov_ps(lowest, real[v], score[v]));
  });
  m = _mm512_reduce_max_ps(largest);
  unroll<kVectors>([&](auto v) QWENCH_INLINE {
    const __m512 e = exp512(_mm512_sub_ps(score[v], _mm512_set1_ps(m)));
    const __m512 kept = _mm512_maskz_mov_ps(real[v], e);
    _mm512_storeu_ps(p + 16 * v, kept);
    sum = _mm512_add_ps(sum, kept);
  });
  l = _mm512_reduce_add_ps(sum);
}

/// Factors of the state so far and of the block; the state becomes the merged one.
template <int kRows>
void merge_states(const float* m_b, const float* l_b, bool first, float* m, float* l, float* keep,
                  float* take) {
  alignas(64) float below[32] = {};
  for (int r = 0; r < kRows; ++r) {
    const float merged = first ? m_b[r] : std::max(m[r], m_b[r]);
    below[r] = first ? 0 : m[r] - merged, below[16 + r] = m_b[r] - merged;
    m[r] = merged;
  }
  _mm512_store_ps(below, exp512(_mm512_load_ps(below)));
  _mm512_store_ps(below + 16, exp512(_mm512_load_ps(below + 16)));
  for (int r = 0; r < kRows; ++r) {
    keep[r] = first ? 0 : below[r], take[r] = below[16 + r];
    l[r] = (first ? 0 : l[r] * keep[r]) + l_b[r] * take[r];
  }
}

/// out[row][16 * kWide] = out * keep + take * (p V), from one column of V on.
template <int kRows, int kWide>
QWENCH_INLINE inline void add_values(const float* p, const float* v, int64_t n, int64_t head_dim,
                                     const float* keep, const float* take, bool first, float* out) {
  __m512 sum[kRows][kWide];
  unroll<kRows>([&](auto r) QWENCH_INLINE {
    unroll<kWide>([&](auto i) QWENCH_INLINE { sum[r][i] = _mm512_setzero_ps(); });
  });
  for (int64_t key = 0; key < n; ++key, v += head_dim) {
    __m512 row[kWide];
    unroll<kWide>([&](auto i) QWENCH_INLINE { row[i] = _mm512_loadu_ps(v + 16 * i); });
    unroll<kRows>([&](auto r) QWENCH_INLINE {
      const __m512 weight = _mm512_set1_ps(p[r * kKvBlock + key]);
      unroll<kWide>([&](auto i)
                        QWENCH_INLINE { sum[r][i] = _mm512_fmadd_ps(row[i], weight, sum[r][i]); });
    });
  }
  unroll<kRows>([&](auto r) QWENCH_INLINE {
    unroll<kWide>([&](auto i) QWENCH_INLINE {
      float* to = out + r * head_dim + 16 * i;
      const __m512 taken = _mm512_mul_ps(sum[r][i], _mm512_set1_ps(take[r]));
      const __m512 before = _mm512_loadu_ps(to);
      _mm512_storeu_ps(to, first ? taken : _mm512_fmadd_ps(before, _mm512_set1_ps(keep[r]), taken));
    });
  });
}

template <int kRows>
void attend_rows(const Run& run, int64_t query, int64_t start, const float* k, const float* v,
                 Scratch& s) {
  const int64_t head_dim = run.a.cache.head_dim;
  const bool first = start == 0;
  float m_b[kRows], l_b[kRows], keep[kRows], take[kRows];
  __m512 score[kRows][kVectors];
  scores<kRows>(k, s.q + query * head_dim, head_dim, score);
  int64_t n_max = 0;
  unroll<kRows>([&](auto r) QWENCH_INLINE {
    const int64_t n = std::min(kKvBlock, run.pos(query + r) + 1 - start);
    softmax_row(score[r], n, s.p + r * kKvBlock, m_b[r], l_b[r]);
    n_max = std::max(n_max, n);
  });
  merge_states<kRows>(m_b, l_b, first, s.m + query, s.l + query, keep, take);
  float* out = s.out + query * head_dim;
  int64_t d = 0;
  for (; d + 64 <= head_dim; d += 64)
    add_values<kRows, 4>(s.p, v + d, n_max, head_dim, keep, take, first, out + d);
  for (; d < head_dim; d += 16)
    add_values<kRows, 1>(s.p, v + d, n_max, head_dim, keep, take, first, out + d);
}

void attend_block(const Run& run, int64_t query, int rows, int64_t start, const float* k,
                  const float* v, Scratch& s) {
  switch (rows) {
    case 1: return attend_rows<1>(run, query, start, k, v, s);
    case 2: return attend_rows<2>(run, query, start, k, v, s);
    case 3: return attend_rows<3>(run, query, start, k, v, s);
    case 4: return attend_rows<4>(run, query, start, k, v, s);
    case 5: return attend_rows<5>(run, query, start, k, v, s);
    default: attend_rows<kRowsAtOnce>(run, query, start, k, v, s);
  }
}

}  // namespace

const char* attention_avx512_unsupported(const AttentionArgs& a) {
  if (const char* missing = avx512_missing(DType::kF32)) return missing;
  if (a.cache.head_dim % 16) return "head_dim must be a multiple of 16";
  return attention_avx2_unsupported(a);
}

void attention_avx512(Team& team, const AttentionArgs& a) {
  attention_by_blocks<kRowsAtOnce, attend_block>(team, a);
}

}  // namespace qwench::cpu
