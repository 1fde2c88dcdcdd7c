// Attention by blocks with vectors of 256 bits: three queries at a time.
#include "cpu/attention_kernels.h"

#include <cmath>
#include <cstring>

#include "cpu/attention_blocks.h"
#include "cpu/ops.h"
#include "cpu/tile_avx2.h"

namespace qwench::cpu {

namespace {

/// p[64] holds scores; the first n are real. Leaves p = exp(s - max), 0 past n; returns max and
/// sum.
void softmax_block(float* p, int64_t n, float& m, float& l) {
  const __m256 lane = _mm256_setr_ps(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256 lowest = _mm256_set1_ps(-__builtin_inff());
  const auto real = [&](int64_t i) {
    return _mm256_cmp_ps(lane, _mm256_set1_ps(float(n - i)), _CMP_LT_OQ);
  };
  __m256 largest = lowest;
  for (int64_t i = 0; i < kKvBlock; i += 8)
    largest = _mm256_max_ps(largest, _mm256_blendv_ps(lowest, _mm256_load_ps(p + i), real(i)));
  m = max_lanes(largest);
  __m256 sum = _mm256_setzero_ps();
  for (int64_t i = 0; i < kKvBlock; i += 8) {
    const __m256 e = exp_ps(_mm256_sub_ps(_mm256_load_ps(p + i), _mm256_set1_ps(m)));
    const __m256 kept = _mm256_and_ps(e, real(i));
    _mm256_store_ps(p + i, kept);
    sum = _mm256_add_ps(sum, kept);
  }
  l = sum_lanes(sum);
}

/// (m, l, o) = merge of (m, l, o) and a block's (m_b, l_b, o_b); the first block is taken as it is.
void merge(float& m, float& l, float* o, float m_b, float l_b, const float* o_b, int64_t head_dim,
           bool first) {
  if (first) {
    m = m_b, l = l_b;
    std::memcpy(o, o_b, size_t(head_dim) * sizeof(float));
    return;
  }
  const float m_new = std::max(m, m_b);
  alignas(32) float scale[8] = {m - m_new, m_b - m_new};
  _mm256_store_ps(scale, exp_ps(_mm256_load_ps(scale)));
  const __m256 keep = _mm256_set1_ps(scale[0]), take = _mm256_set1_ps(scale[1]);
  for (int64_t d = 0; d < head_dim; d += 8) {
    const __m256 kept = _mm256_mul_ps(_mm256_loadu_ps(o + d), keep);
    _mm256_storeu_ps(o + d, _mm256_fmadd_ps(_mm256_loadu_ps(o_b + d), take, kept));
  }
  l = l * scale[0] + l_b * scale[1];
  m = m_new;
}

/// o_b[rows][head_dim] = p[rows][n] V[n][head_dim], 32 columns at a time.
void weigh_values(int rows, const float* p, const float* v, int64_t n, int64_t head_dim,
                  float* o_b) {
  std::memset(o_b, 0, size_t(rows * head_dim) * sizeof(float));
  int64_t d = 0;
  for (; d + 32 <= head_dim; d += 32)
    tile_rows<4>(rows, v + d, head_dim, p, kKvBlock, n, o_b + d, head_dim);
  for (; d < head_dim; d += 8)
    tile_rows<1>(rows, v + d, head_dim, p, kKvBlock, n, o_b + d, head_dim);
}

/// Up to three queries from `query` on against the block that starts at position `start`.
void attend_block(const Run& run, int64_t query, int rows, int64_t start, const float* k,
                  const float* v, Scratch& s) {
  const int64_t head_dim = run.a.cache.head_dim;
  std::memset(s.p, 0, sizeof s.p);
  for (int64_t half = 0; half < kKvBlock; half += 32)
    tile_rows<4>(rows, k + half, kKvBlock, s.q + query * head_dim, head_dim, head_dim, s.p + half,
                 kKvBlock);
  float m[3], l[3];
  int64_t n_max = 0;
  for (int r = 0; r < rows; ++r) {
    const int64_t n = std::min(kKvBlock, run.pos(query + r) + 1 - start);
    softmax_block(s.p + r * kKvBlock, n, m[r], l[r]);
    n_max = std::max(n_max, n);
  }
  weigh_values(rows, s.p, v, n_max, head_dim, s.block_out);
  for (int r = 0; r < rows; ++r)
    merge(s.m[query + r], s.l[query + r], s.out + (query + r) * head_dim, m[r], l[r],
          s.block_out + r * head_dim, head_dim, start == 0);
}

}  // namespace

const char* attention_avx2_unsupported(const AttentionArgs& a) {
  if (const char* missing = avx2_missing()) return missing;
  if (a.cache.head_dim % 8) return "head_dim must be a multiple of 8";
  if (a.cache.head_dim > kMaxHeadDim) return "head_dim must be at most 256";
  if (a.q.shape[1] / a.cache.n_kv_heads > kMaxQueries) return "more than 256 query heads a KV head";
  return nullptr;
}

void attention_avx2(Team& team, const AttentionArgs& a) {
  attention_by_blocks<3, attend_block>(team, a);
}

}  // namespace qwench::cpu
