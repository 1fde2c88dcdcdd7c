// What attention by blocks has in common over instruction sets: tiles of neighbouring tokens, their
// scratch, and the walk over blocks of keys. Only files built for AVX2 and newer sets include this.
//
// Attention as a merge of per-block states, blocks of 64 keys in ascending order:
//   s = q K^T        keys are lanes (the cache keeps them transposed within a block)
//   m_b = max s, p = exp(s - m_b), l_b = sum p, o_b = p V
//   (m, l, o) = merge of (m, l, o) and (m_b, l_b, o_b)
// The queries of a KV head's group and of up to 16 neighbouring tokens share every load of K and V.
// A query's numbers depend on its own keys alone, so batch and chunking never change them. Nothing
// of size n x n exists. Source: online softmax with merged states (FlashAttention, flashinfer).
#pragma once
#include <algorithm>

#include "cpu/simd_avx2.h"
#include "cpu/team.h"
#include "engine/checked.h"
#include "engine/op.h"

namespace qwench::cpu {
namespace {  // one copy per file: never merged with code built for another ISA

constexpr int64_t kMaxQueries = 256;  // group size x tokens of a tile
constexpr int64_t kMaxHeadDim = 256;
constexpr int64_t kTileTokens = 16;
constexpr int64_t kMostRows = 6;  // queries that a kernel takes at once, at most

/// Per-thread scratch.
struct Scratch {
  alignas(64) float q[kMaxQueries * kMaxHeadDim];    // scaled queries
  alignas(64) float out[kMaxQueries * kMaxHeadDim];  // o, not yet divided by l
  alignas(64) float k[kKvBlock * kMaxHeadDim];       // widened f16 block [head_dim][64]
  alignas(64) float v[kKvBlock * kMaxHeadDim];       // widened f16 block [64][head_dim]
  alignas(64) float p[kMostRows * kKvBlock];
  alignas(64) float block_out[kMostRows * kMaxHeadDim];
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

inline const float* widen(DType dtype, const void* base, int64_t index, int64_t n, float* to) {
  if (dtype == DType::kF32) return static_cast<const float*>(base) + index;
  const uint16_t* from = static_cast<const uint16_t*>(base) + index;
  for (int64_t i = 0; i < n; i += 8) _mm256_store_ps(to + i, load_f16(from + i));
  return to;
}

/// Up to three or six queries from `query` on against the block that starts at position `start`.
using AttendBlock = void (*)(const Run& run, int64_t query, int rows, int64_t start, const float* k,
                             const float* v, Scratch& s);

/// kRows queries at a time against every block of their keys.
template <int kRows, AttendBlock kAttend>
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
    for (; query < n_queries; query += kRows)
      kAttend(run, query, int(std::min<int64_t>(kRows, n_queries - query)), start, k, v, s);
  }
  for (int64_t i = 0; i < n_queries; ++i)
    for (int64_t d = 0; d < head_dim; ++d)
      a.out.row<float>(run.row(i))[d] = s.out[i * head_dim + d] / s.l[i];
}

/// Tokens from `token` on, up to `end`, that are neighbours in one sequence.
inline int64_t run_length(const AttentionArgs& a, int64_t token, int64_t end) {
  const int32_t *pos = a.positions.as<const int32_t>(), *seq = a.sequences.as<const int32_t>();
  int64_t n = 1;
  while (token + n < end && seq[token + n] == seq[token] && pos[token + n] == pos[token] + n) ++n;
  return n;
}

template <int kRows, AttendBlock kAttend>
void attention_by_blocks(Team& team, const AttentionArgs& a) {
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
        attend_run<kRows, kAttend>(Run{a, item % n_kv_heads, token, n, group}, scratch);
        token += n;
      }
    }
  });
}

}  // namespace
}  // namespace qwench::cpu
