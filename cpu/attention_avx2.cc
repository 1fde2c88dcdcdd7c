// Attention as a merge of per-block states, blocks of 64 keys in ascending order:
//   s = q K^T        keys are lanes (the cache keeps them transposed within a block)
//   m_b = max s, p = exp(s - m_b), l_b = sum p, o_b = p V
//   (m, l, o) = merge of (m, l, o) and (m_b, l_b, o_b)
// The queries of a KV head's group and of up to 16 neighbouring tokens share every load of K and V.
// A query's numbers depend on its own keys alone, so batch and chunking never change them. Nothing
// of size n x n exists. Source: online softmax with merged states (FlashAttention, flashinfer).
#include "cpu/attention_avx2.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "cpu/ops.h"
#include "cpu/simd_avx2.h"
#include "cpu/tile_avx2.h"
#include "engine/checked.h"

namespace qwench::cpu {

namespace {

constexpr int64_t kMaxQueries = 256;  // group size x tokens of a tile
constexpr int64_t kMaxHeadDim = 256;
constexpr int64_t kTileTokens = 16;

/// Per-thread scratch.
struct Scratch {
  alignas(64) float q[kMaxQueries * kMaxHeadDim];    // scaled queries
  alignas(64) float out[kMaxQueries * kMaxHeadDim];  // o, not yet divided by l
  alignas(64) float k[kKvBlock * kMaxHeadDim];       // widened f16 block [head_dim][64]
  alignas(64) float v[kKvBlock * kMaxHeadDim];       // widened f16 block [64][head_dim]
  alignas(64) float p[3 * kKvBlock];
  alignas(64) float block_out[3 * kMaxHeadDim];
  float m[kMaxQueries], l[kMaxQueries];
};
static_assert(sizeof(Scratch) <= Team::kScratchBytes, "scratch too small");

/// Neighbouring tokens of one sequence against one KV head.
struct Run {
  const AttentionArgs& a;
  int64_t kv_head, first_token, n_tokens;
  int64_t group;  // query heads per KV head

  int64_t n_queries() const { return n_tokens * group; }
  int64_t seq() const { return a.sequences.as<const int32_t>()[first_token]; }
  int64_t pos(int64_t query) const {
    return a.positions.as<const int32_t>()[first_token + query / group];
  }
  int64_t row(int64_t query) const {  // of q and out, viewed as [n_tokens * n_heads, head_dim]
    return (first_token + query / group) * a.q.shape[1] + kv_head * group + query % group;
  }
};

const float* widen(DType dtype, const void* base, int64_t index, int64_t n, float* to) {
  if (dtype == DType::kF32) return static_cast<const float*>(base) + index;
  const uint16_t* from = static_cast<const uint16_t*>(base) + index;
  for (int64_t i = 0; i < n; i += 8) _mm256_store_ps(to + i, load_f16(from + i));
  return to;
}

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

void attend_run(const Run& run, Scratch& s) {
  const AttentionArgs& a = run.a;
  const int64_t head_dim = a.cache.head_dim, n_queries = run.n_queries();
  for (int64_t i = 0; i < n_queries; ++i)
    for (int64_t d = 0; d < head_dim; ++d)
      s.q[i * head_dim + d] = a.q.row<const float>(run.row(i))[d] * a.scale;
  const int64_t last = run.pos(n_queries - 1);
  for (int64_t start = 0; start <= last; start += kKvBlock) {
    const int64_t size = kKvBlock * head_dim;
    const int64_t at = a.cache.k_index(run.seq(), run.kv_head, start, 0);
    const float* k = widen(a.cache.dtype, a.cache.k, at, size, s.k);
    const float* v = widen(a.cache.dtype, a.cache.v, at, size, s.v);
    int64_t query = 0;
    while (run.pos(query) < start) query += run.group;  // tokens that end before this block
    for (; query < n_queries; query += 3)
      attend_block(run, query, int(std::min<int64_t>(3, n_queries - query)), start, k, v, s);
  }
  for (int64_t i = 0; i < n_queries; ++i)
    for (int64_t d = 0; d < head_dim; ++d)
      a.out.row<float>(run.row(i))[d] = s.out[i * head_dim + d] / s.l[i];
}

/// Tokens from `token` on, up to `end`, that are neighbours in one sequence.
int64_t run_length(const AttentionArgs& a, int64_t token, int64_t end) {
  const int32_t *pos = a.positions.as<const int32_t>(), *seq = a.sequences.as<const int32_t>();
  int64_t n = 1;
  while (token + n < end && seq[token + n] == seq[token] && pos[token + n] == pos[token] + n) ++n;
  return n;
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
  const int64_t n_tokens = a.q.shape[0], n_kv_heads = a.cache.n_kv_heads;
  const int64_t group = a.q.shape[1] / n_kv_heads;
  const int64_t tile = std::min(kTileTokens, kMaxQueries / group);
  const int64_t tiles = ceil_div(n_tokens, tile);
  team.parallel_for(tiles * n_kv_heads, 1, [&](int64_t begin, int64_t end, int thread) {
    Scratch& scratch = *static_cast<Scratch*>(team.scratch(thread));
    for (int64_t item = begin; item < end; ++item) {
      const int64_t first = item / n_kv_heads * tile, last = std::min(first + tile, n_tokens);
      for (int64_t token = first; token < last;) {
        const int64_t n = run_length(a, token, last);
        attend_run(Run{a, item % n_kv_heads, token, n, group}, scratch);
        token += n;
      }
    }
  });
}

}  // namespace qwench::cpu
