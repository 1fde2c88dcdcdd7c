// Attention of a few queries to one block of 64 keys, for any width of vectors: V says what a vector is
// (attention_avx2.cc, attention_avx512.cc). Only attention_ranges.h includes this.
//   s = q K^T        keys are lanes (the cache keeps them transposed within a block)
//   m_b = max s, p = exp(s - m_b), l_b = sum p, o_b = p V
//   (m, l, o) = merge of (m, l, o) and (m_b, l_b, o_b)
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
constexpr int64_t kMostRows = 8;  // queries at once, at most
constexpr int kStrip = 4;         // vectors of keys or columns at once

/// (m, l, o) of the queries over some of their keys; o is not yet divided by l.
struct States {
  float *m, *l;  // [n_queries]
  float* out;    // [n_queries, head_dim]

  /// Laid out in memory of floats(n) floats.
  States(float* memory, int64_t n) : m(memory), l(m + n), out(l + n) {}
  static int64_t floats(int64_t n, int64_t head_dim) { return n * (head_dim + 2); }
};

/// Per-thread scratch.
struct Scratch {
  alignas(64) float q[kMaxQueries * kMaxHeadDim];            // scaled queries
  alignas(64) float all[kMaxQueries * (kMaxHeadDim + 2)];    // States over all ranges so far
  alignas(64) float range[kMaxQueries * (kMaxHeadDim + 2)];  // and over one range
  alignas(64) float k[kKvBlock * kMaxHeadDim];               // widened block [head_dim][64]
  alignas(64) float v[kKvBlock * kMaxHeadDim];               // widened block [64][head_dim]
  alignas(64) float p[kMostRows * kKvBlock];
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

/// Stored numbers of 16 bits, which a vector of f32 is loaded from.
struct F16 {
  uint16_t bits;
};
struct Bf16 {
  uint16_t bits;
};

inline const float* widen(DType dtype, const char* block, int64_t n, float* to) {
  if (dtype == DType::kF32) return reinterpret_cast<const float*>(block);
  const uint16_t* from = reinterpret_cast<const uint16_t*>(block);
  if (dtype == DType::kF16)
    for (int64_t i = 0; i < n; i += 8) _mm256_store_ps(to + i, load_f16(from + i));
  else
    for (int64_t i = 0; i < n; i += 8) _mm256_store_ps(to + i, load_bf16(from + i));
  return to;
}

/// Brings the next block into the cache, a part with every call: the processor's own prefetching ends where a page of
/// keys or values does.
class Ahead {
 public:
  /// calls: how often some() will be called.
  Ahead(const char* k, int64_t k_bytes, const char* v, int64_t v_bytes, int64_t calls)
      : parts_{{k, k_bytes}, {v, v_bytes}}, step_(ceil_div(k_bytes + v_bytes, calls)) {}
  void some() {
    constexpr int64_t kLine = 64;
    for (int64_t left = step_; left > 0 && part_ < 2; left -= kLine) {
      __builtin_prefetch(parts_[part_].at, 0, 2);  // into L2: a block may be larger than L1
      parts_[part_].at += kLine, parts_[part_].bytes -= kLine;
      if (parts_[part_].bytes <= 0) ++part_;
    }
  }

 private:
  struct Part {
    const char* at;
    int64_t bytes;
  };
  Part parts_[2];
  int64_t step_;
  int part_ = 0;
};

/// p[row][strip of keys] = q . k over the head; K lies as [head_dim][64]. This and add_values() are not
/// inlined: GCC 12 allots registers to one such loop well, to two of them badly.
template <class V, int kRows, int kWide, class E>
__attribute__((noinline)) void scores(const E* k, const float* q, int64_t head_dim, float* p) {
  typename V::Float sum[kRows][kWide];
  unroll<kRows>([&](auto r) QWENCH_INLINE {
    unroll<kWide>([&](auto i) QWENCH_INLINE { sum[r][i] = V::zero(); });
  });
  for (int64_t d = 0; d < head_dim; ++d, k += kKvBlock) {
    typename V::Float qd[kRows];
    unroll<kRows>([&](auto r) QWENCH_INLINE { qd[r] = V::set1(q[r * head_dim + d]); });
    unroll<kWide>([&](auto i) QWENCH_INLINE {
      const auto kd = V::load(k + V::kWidth * i);
      unroll<kRows>([&](auto r) QWENCH_INLINE { sum[r][i] = V::fma(kd, qd[r], sum[r][i]); });
    });
  }
  unroll<kRows>([&](auto r) QWENCH_INLINE {
    unroll<kWide>([&](auto i)
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
  constexpr int kVectors = (2 * kRows + V::kWidth - 1) / V::kWidth;
  alignas(64) float factors[kVectors * V::kWidth] = {};
  for (int r = 0; r < kRows; ++r) {
    const float merged = first ? m_b[r] : std::max(m[r], m_b[r]);
    factors[r] = first ? 0 : m[r] - merged, factors[kRows + r] = m_b[r] - merged;
    m[r] = merged;
  }
  unroll<kVectors>([&](auto i) QWENCH_INLINE {
    float* const at = factors + V::kWidth * i;
    V::store(at, V::exp(V::load(at)));
  });
  Factors out;
  for (int r = 0; r < kRows; ++r) {
    out.keep[r] = first ? 0 : factors[r], out.take[r] = factors[kRows + r];
    l[r] = (first ? 0 : l[r] * out.keep[r]) + l_b[r] * out.take[r];
  }
  return out;
}

/// out[row][kWide vectors] = out * keep + take * (p V), p of n keys.
template <class V, int kRows, int kWide, class E>
__attribute__((noinline)) void add_values(const float* p, const E* v, int64_t n, int64_t head_dim,
                                          const Factors& factors, bool first, float* out) {
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

/// A block of keys and values as they are read, f32 or 16 bits.
template <class E>
struct Block {
  const E *k, *v;
  int64_t start;  // its first slot
  bool first;     // no block before it counts
};

/// kRows queries from `query` on against a block, kWide vectors of keys or columns at a time.
template <class V, int kRows, int kWide, class E>
void attend_rows(const Run& run, int64_t query, const Block<E>& block, Scratch& s, const States& to,
                 Ahead& ahead) {
  const int64_t head_dim = run.a.cache.head_dim;
  for (int64_t key = 0; key < kKvBlock; key += kWide * V::kWidth) {
    ahead.some();
    scores<V, kRows, kWide>(block.k + key, s.q + query * head_dim, head_dim, s.p + key);
  }
  float m_b[kRows], l_b[kRows];
  int64_t n_max = 0;
  for (int r = 0; r < kRows; ++r) {
    const int64_t n = std::min(kKvBlock, run.slot(query + r) + 1 - block.start);
    softmax_block<V>(s.p + r * kKvBlock, n, m_b[r], l_b[r]);
    n_max = std::max(n_max, n);
  }
  const Factors factors = merge_states<V, kRows>(m_b, l_b, block.first, to.m + query, to.l + query);
  float* out = to.out + query * head_dim;
  int64_t d = 0;
  for (; d + kWide * V::kWidth <= head_dim; d += kWide * V::kWidth) {
    ahead.some();
    add_values<V, kRows, kWide>(s.p, block.v + d, n_max, head_dim, factors, block.first, out + d);
  }
  if constexpr (kWide > 1)
    for (; d < head_dim; d += V::kWidth)
      add_values<V, kRows, 1>(s.p, block.v + d, n_max, head_dim, factors, block.first, out + d);
}

/// The queries from `query` on, kRows at a time.
template <class V, int kRows, int kWide, class E>
void attend_block(const Run& run, int64_t query, const Block<E>& block, Scratch& s,
                  const States& to, Ahead& ahead) {
  for (int64_t left = run.n_queries() - query; left > 0; left -= kRows, query += kRows)
    unroll<kRows>([&](auto r) {
      constexpr int rows = r + 1;
      if (rows == std::min<int64_t>(left, kRows))
        attend_rows<V, rows, kWide>(run, query, block, s, to, ahead);
    });
}

inline void scale_queries(const Run& run, Scratch& s) {
  const int64_t head_dim = run.a.cache.head_dim;
  for (int64_t i = 0; i < run.n_queries(); ++i)
    for (int64_t d = 0; d < head_dim; ++d)
      s.q[i * head_dim + d] = run.a.q.row<const float>(run.row(i))[d] * run.a.scale;
}

/// The first query that sees slot `start`; those before end before it.
inline int64_t first_query(const Run& run, int64_t start) {
  const int64_t before = std::max<int64_t>(start - run.slot(0), 0);  // neighbours: a slot a token
  return std::min(before, run.n_tokens) * run.group;
}

/// The queries against one block as it is stored. What few of them read once is not widened first.
template <class V>
void attend_stored(const Run& run, const KvBlock& stored, int64_t start, bool first, Scratch& s,
                   const States& to, Ahead& ahead) {
  const KvView& cache = run.a.cache;
  const int64_t query = first_query(run, start), size = kKvBlock * cache.head_dim;
  const auto direct = [&](auto type) {
    using E = decltype(type);
    const Block<E> block{reinterpret_cast<const E*>(stored.k), reinterpret_cast<const E*>(stored.v),
                         start, first};
    if (run.n_queries() <= V::kRows)
      attend_block<V, V::kRows, kStrip>(run, query, block, s, to, ahead);
    else
      attend_block<V, V::kDirectRows, V::kDirectWide>(run, query, block, s, to, ahead);
  };
  if (run.n_queries() <= V::kDirectRows && cache.k_type == cache.v_type) {
    if (cache.k_type == DType::kF16) return direct(F16{});
    if (cache.k_type == DType::kBF16) return direct(Bf16{});
  }
  const Block<float> block{widen(cache.k_type, stored.k, size, s.k),
                           widen(cache.v_type, stored.v, size, s.v), start, first};
  attend_block<V, V::kRows, kStrip>(run, query, block, s, to, ahead);
}

}  // namespace
}  // namespace qwench::cpu
