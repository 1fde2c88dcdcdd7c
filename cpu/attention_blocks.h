// Attention by blocks of keys, for any width of vectors: V says what a vector is (attention_avx2.cc,
// attention_avx512.cc). Only those files include this.
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

#include "cpu/kv_page.h"
#include "cpu/simd_avx2.h"
#include "cpu/team.h"
#include "cpu/tile_avx2.h"
#include "engine/base/checked.h"
#include "engine/ops/ops.h"

namespace qwench::cpu {
namespace {  // one copy per file: never merged with code built for another ISA

constexpr int64_t kMaxQueries = 256;  // group size x tokens of a tile
constexpr int64_t kMaxHeadDim = 256;
constexpr int64_t kTileTokens = 16;
constexpr int64_t kMostRows = 6;  // queries at once, at most
constexpr int kStrip = 4;         // vectors of keys or columns at once

/// Per-thread scratch.
struct Scratch {
  alignas(64) float q[kMaxQueries * kMaxHeadDim];    // scaled queries
  alignas(64) float out[kMaxQueries * kMaxHeadDim];  // o, not yet divided by l
  alignas(64) float k[kKvBlock * kMaxHeadDim];       // widened f16 block [head_dim][64]
  alignas(64) float v[kKvBlock * kMaxHeadDim];       // widened f16 block [64][head_dim]
  alignas(64) float p[kMostRows * kKvBlock];
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
  int64_t slot(int64_t query) const {
    return a.slots.as<const int32_t>()[first_token + query / group];
  }
  int64_t row(int64_t query) const {  // of q and out, viewed as [n_tokens * n_heads, head_dim]
    return (first_token + query / group) * a.q.shape[1] + kv_head * group + query % group;
  }
};

inline const float* widen(DType dtype, const char* block, int64_t n, float* to) {
  if (dtype == DType::kF32) return reinterpret_cast<const float*>(block);
  const uint16_t* from = reinterpret_cast<const uint16_t*>(block);
  for (int64_t i = 0; i < n; i += 8) _mm256_store_ps(to + i, load_f16(from + i));
  return to;
}

/// p[row][strip of keys] = q . k over the head; K lies as [head_dim][64]. This and add_values() are not
/// inlined: GCC 12 allots registers to one such loop well, to two of them badly.
template <class V, int kRows>
__attribute__((noinline)) void scores(const float* k, const float* q, int64_t head_dim, float* p) {
  typename V::Float sum[kRows][kStrip];
  unroll<kRows>([&](auto r) QWENCH_INLINE {
    unroll<kStrip>([&](auto i) QWENCH_INLINE { sum[r][i] = V::zero(); });
  });
  for (int64_t d = 0; d < head_dim; ++d, k += kKvBlock) {
    typename V::Float qd[kRows];
    unroll<kRows>([&](auto r) QWENCH_INLINE { qd[r] = V::set1(q[r * head_dim + d]); });
    unroll<kStrip>([&](auto i) QWENCH_INLINE {
      const auto kd = V::load(k + V::kWidth * i);
      unroll<kRows>([&](auto r) QWENCH_INLINE { sum[r][i] = V::fma(kd, qd[r], sum[r][i]); });
    });
  }
  unroll<kRows>([&](auto r) QWENCH_INLINE {
    unroll<kStrip>([&](auto i)
                       QWENCH_INLINE { V::store(p + r * kKvBlock + V::kWidth * i, sum[r][i]); });
  });
}

/// p[64] holds scores; the first n are real. Leaves p = exp(s - max), 0 past n; returns max and sum.
template <class V>
inline void softmax_block(float* p, int64_t n, float& m, float& l) {
  constexpr int kVectors = int(kKvBlock) / V::kWidth;
  const auto lowest = V::set1(-__builtin_inff());
  auto largest = lowest;
  unroll<kVectors>([&](auto i) QWENCH_INLINE {
    largest =
        V::max(largest, V::first_lanes(n - V::kWidth * i, V::load(p + V::kWidth * i), lowest));
  });
  m = V::max_lanes(largest);
  const auto maximum = V::set1(m);
  auto sum = V::zero();
  unroll<kVectors>([&](auto i) QWENCH_INLINE {
    const auto e = V::exp(V::sub(V::load(p + V::kWidth * i), maximum));
    const auto kept = V::first_lanes(n - V::kWidth * i, e, V::zero());
    V::store(p + V::kWidth * i, kept);
    sum = V::add(sum, kept);
  });
  l = V::sum_lanes(sum);
}

/// The states (m, l) of kRows queries merged with a block's (m_b, l_b); what their outputs and the
/// block's are multiplied with. The first block is taken as it is.
struct Factors {
  float keep[kMostRows], take[kMostRows];
};
template <class V, int kRows>
Factors merge_states(const float* m_b, const float* l_b, bool first, float* m, float* l) {
  static_assert(2 * kRows <= V::kWidth, "one vector of exponents");
  alignas(64) float factors[V::kWidth] = {};
  for (int r = 0; r < kRows; ++r) {
    const float merged = first ? m_b[r] : std::max(m[r], m_b[r]);
    factors[r] = first ? 0 : m[r] - merged, factors[kRows + r] = m_b[r] - merged;
    m[r] = merged;
  }
  V::store(factors, V::exp(V::load(factors)));
  Factors out;
  for (int r = 0; r < kRows; ++r) {
    out.keep[r] = first ? 0 : factors[r], out.take[r] = factors[kRows + r];
    l[r] = (first ? 0 : l[r] * out.keep[r]) + l_b[r] * out.take[r];
  }
  return out;
}

/// out[row][kWide vectors] = out * keep + take * (p V), p of n keys.
template <class V, int kRows, int kWide>
__attribute__((noinline)) void add_values(const float* p, const float* v, int64_t n,
                                          int64_t head_dim, const Factors& factors, bool first,
                                          float* out) {
  typename V::Float sum[kRows][kWide];
  unroll<kRows>([&](auto r) QWENCH_INLINE {
    unroll<kWide>([&](auto i) QWENCH_INLINE { sum[r][i] = V::zero(); });
  });
  for (int64_t key = 0; key < n; ++key, v += head_dim) {
    typename V::Float weight[kRows];
    unroll<kRows>([&](auto r) QWENCH_INLINE { weight[r] = V::set1(p[r * kKvBlock + key]); });
    unroll<kWide>([&](auto i) QWENCH_INLINE {
      const auto row = V::load(v + V::kWidth * i);
      unroll<kRows>([&](auto r) QWENCH_INLINE { sum[r][i] = V::fma(row, weight[r], sum[r][i]); });
    });
  }
  unroll<kRows>([&](auto r) QWENCH_INLINE {
    const auto keep = V::set1(factors.keep[r]), take = V::set1(factors.take[r]);
    unroll<kWide>([&](auto i) QWENCH_INLINE {
      float* to = out + r * head_dim + V::kWidth * i;
      const auto taken = V::mul(sum[r][i], take);
      V::store(to, first ? taken : V::fma(V::load(to), keep, taken));
    });
  });
}

/// kRows queries from `query` on against the block that starts at slot `start`.
template <class V, int kRows>
void attend_rows(const Run& run, int64_t query, int64_t start, const float* k, const float* v,
                 Scratch& s) {
  const int64_t head_dim = run.a.cache.head_dim;
  for (int64_t key = 0; key < kKvBlock; key += kStrip * V::kWidth)
    scores<V, kRows>(k + key, s.q + query * head_dim, head_dim, s.p + key);
  float m_b[kRows], l_b[kRows];
  int64_t n_max = 0;
  for (int r = 0; r < kRows; ++r) {
    const int64_t n = std::min(kKvBlock, run.slot(query + r) + 1 - start);
    softmax_block<V>(s.p + r * kKvBlock, n, m_b[r], l_b[r]);
    n_max = std::max(n_max, n);
  }
  const bool first = start == 0;
  const Factors factors = merge_states<V, kRows>(m_b, l_b, first, s.m + query, s.l + query);
  float* out = s.out + query * head_dim;
  int64_t d = 0;
  for (; d + kStrip * V::kWidth <= head_dim; d += kStrip * V::kWidth)
    add_values<V, kRows, kStrip>(s.p, v + d, n_max, head_dim, factors, first, out + d);
  for (; d < head_dim; d += V::kWidth)
    add_values<V, kRows, 1>(s.p, v + d, n_max, head_dim, factors, first, out + d);
}

template <class V>
void attend_block(const Run& run, int64_t query, int rows, int64_t start, const float* k,
                  const float* v, Scratch& s) {
  unroll<V::kRows>([&](auto r) {
    if (rows == r + 1) attend_rows<V, r + 1>(run, query, start, k, v, s);
  });
}

/// V::kRows queries at a time against every block of their keys.
template <class V>
void attend_run(const Run& run, Scratch& s) {
  const AttentionArgs& a = run.a;
  const int64_t head_dim = a.cache.head_dim, n_queries = run.n_queries();
  for (int64_t i = 0; i < n_queries; ++i)
    for (int64_t d = 0; d < head_dim; ++d)
      s.q[i * head_dim + d] = a.q.row<const float>(run.row(i))[d] * a.scale;
  const int64_t last = run.slot(n_queries - 1);
  for (int64_t start = 0; start <= last; start += kKvBlock) {
    const int64_t size = kKvBlock * head_dim;
    const KvBlock block = kv_block(a.cache, run.seq(), start, run.kv_head);
    const float* k = widen(a.cache.k_type, block.k, size, s.k);
    const float* v = widen(a.cache.v_type, block.v, size, s.v);
    int64_t query = 0;
    while (run.slot(query) < start) query += run.group;  // tokens that end before this block
    for (; query < n_queries; query += V::kRows)
      attend_block<V>(run, query, int(std::min<int64_t>(V::kRows, n_queries - query)), start, k, v,
                      s);
  }
  for (int64_t i = 0; i < n_queries; ++i)
    for (int64_t d = 0; d < head_dim; ++d)
      a.out.row<float>(run.row(i))[d] = s.out[i * head_dim + d] / s.l[i];
}

/// Tokens from `token` on, up to `end`, that are neighbours in one sequence.
inline int64_t run_length(const AttentionArgs& a, int64_t token, int64_t end) {
  const int32_t *slot = a.slots.as<const int32_t>(), *seq = a.sequences.as<const int32_t>();
  int64_t n = 1;
  while (token + n < end && seq[token + n] == seq[token] && slot[token + n] == slot[token] + n) ++n;
  return n;
}

template <class V>
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
        attend_run<V>(Run{a, item % n_kv_heads, token, n, group}, scratch);
        token += n;
      }
    }
  });
}

}  // namespace
}  // namespace qwench::cpu
