// Attention by blocks of keys, for any width of vectors: V says what a vector is (attention_avx2.cc,
// attention_avx512.cc). Only those files include this.
//
// Attention as a merge of per-block states, blocks of 64 keys in ascending order:
//   s = q K^T        keys are lanes (the cache keeps them transposed within a block)
//   m_b = max s, p = exp(s - m_b), l_b = sum p, o_b = p V
//   (m, l, o) = merge of (m, l, o) and (m_b, l_b, o_b)
// first within ranges of 8 blocks, cut at absolute slots, then the ranges in ascending order: few tokens of a long
// context are work for all threads, a range each, and who computed a range changes nothing.
// The queries of a KV head's group and of up to 16 neighbouring tokens share every load of K and V.
// A query's numbers depend on its own keys alone, so batch and chunking never change them. Nothing
// of size n x n exists. Source: online softmax with merged states (FlashAttention, flashinfer).
#pragma once
#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>

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
constexpr int64_t kMostRows = 8;  // queries at once, at most
constexpr int kStrip = 4;         // vectors of keys or columns at once
constexpr int64_t kRangeSlots = 8 * kKvBlock;

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

/// The queries against the blocks of the range that starts at slot `begin`.
template <class V>
void attend_range(const Run& run, int64_t begin, Scratch& s, const States& to) {
  const KvView& cache = run.a.cache;
  const int64_t size = kKvBlock * cache.head_dim, n_queries = run.n_queries();
  const int64_t last = std::min(run.slot(n_queries - 1), begin + kRangeSlots - 1);
  const int64_t k_bytes = size * size_of(cache.k_type), v_bytes = size * size_of(cache.v_type);
  const int64_t calls =
      ceil_div(n_queries, V::kRows) * (kKvBlock + cache.head_dim) / (kStrip * V::kWidth);
  KvBlock next = kv_block(cache, run.seq(), begin, run.kv_head);
  for (int64_t start = begin; start <= last; start += kKvBlock) {
    const KvBlock block = next;
    if (start + kKvBlock <= run.slot(n_queries - 1))  // of the next range, too
      next = kv_block(cache, run.seq(), start + kKvBlock, run.kv_head);
    Ahead ahead(next.k, k_bytes, next.v, v_bytes, std::max<int64_t>(calls, 1));
    attend_stored<V>(run, block, start, start == begin, s, to, ahead);
  }
}

/// all = merge of all and the states over the range that starts at slot `begin`, of the queries that see it.
template <class V>
void merge_range(const Run& run, int64_t begin, const States& range, const States& all) {
  const int64_t head_dim = run.a.cache.head_dim;
  for (int64_t i = first_query(run, begin); i < run.n_queries(); ++i) {
    const Factors factors =
        merge_states<V, 1>(range.m + i, range.l + i, /*first=*/false, all.m + i, all.l + i);
    const auto keep = V::set1(factors.keep[0]), take = V::set1(factors.take[0]);
    const float* from = range.out + i * head_dim;
    float* to = all.out + i * head_dim;
    for (int64_t d = 0; d < head_dim; d += V::kWidth) {
      const auto taken = V::mul(V::load(from + d), take);
      V::store(to + d, V::fma(V::load(to + d), keep, taken));
    }
  }
}

inline void write_out(const Run& run, const States& all) {
  const int64_t head_dim = run.a.cache.head_dim;
  for (int64_t i = 0; i < run.n_queries(); ++i)
    for (int64_t d = 0; d < head_dim; ++d)
      run.a.out.row<float>(run.row(i))[d] = all.out[i * head_dim + d] / all.l[i];
}

/// Every range of a run's keys, by one thread.
template <class V>
void attend_run(const Run& run, Scratch& s) {
  const int64_t n = run.n_queries(), last = run.slot(n - 1);
  const States all(s.all, n), range(s.range, n);
  scale_queries(run, s);
  for (int64_t begin = 0; begin <= last; begin += kRangeSlots) {
    attend_range<V>(run, begin, s, begin ? range : all);
    if (begin) merge_range<V>(run, begin, range, all);
  }
  write_out(run, all);
}

/// Tokens from `token` on, up to `end`, that are neighbours in one sequence.
inline int64_t run_length(const AttentionArgs& a, int64_t token, int64_t end) {
  const int32_t *slot = a.slots.as<const int32_t>(), *seq = a.sequences.as<const int32_t>();
  int64_t n = 1;
  while (token + n < end && seq[token + n] == seq[token] && slot[token + n] == slot[token] + n) ++n;
  return n;
}

/// Calls f(run) for the runs of the tokens [first, last) on a KV head.
template <class F>
void for_each_run(const AttentionArgs& a, int64_t kv_head, int64_t first, int64_t last, F&& f) {
  const int64_t group = a.q.shape[1] / a.cache.n_kv_heads;
  for (int64_t token = first; token < last;) {
    const int64_t n = run_length(a, token, last);
    f(Run{a, kv_head, token, n, group});
    token += n;
  }
}

/// How the tokens are cut: into tiles of at most so many that one thread takes together.
struct Tiles {
  int64_t size = 1, count = 0;
  int64_t most_slots = 0;  // of any token

  explicit Tiles(const AttentionArgs& a) {
    const int64_t n = a.q.shape[0], group = a.q.shape[1] / a.cache.n_kv_heads;
    const int64_t most = std::min(kTileTokens, kMaxQueries / group);
    for (int64_t token = 0; token < n; ++token) {
      most_slots = std::max<int64_t>(most_slots, a.slots.as<const int32_t>()[token] + 1);
      // single tokens of many sequences share no keys: each is a tile
      if (size < most) size = std::max(size, run_length(a, token, std::min(n, token + most)));
    }
    count = ceil_div(n, size);
  }
};

/// Few tiles over long contexts: every range is an item of its own, and who ends the last one of a tile and head
/// merges them. Lives in the team's shared scratch, with the states of all ranges behind it.
struct Split {
  static constexpr int64_t kMostTiles = 64, kMostItems = 512;
  int64_t n_ranges = 0, tile_size = 0, n_states = 0;  // n_states: floats of one range's states
  std::atomic<int32_t> open[kMostItems];              // per tile and head: ranges not yet there

  float* states(int64_t item, int64_t range) {
    return reinterpret_cast<float*>(this + 1) + (item * n_ranges + range) * n_states;
  }

  /// Null where threads have enough to do without it, or the states have no room.
  static Split* make(Team& team, const AttentionArgs& a, const Tiles& tiles) {
    constexpr int64_t kItemsPerThread = 4;
    const int64_t items = tiles.count * a.cache.n_kv_heads;
    const int64_t n_ranges = ceil_div(tiles.most_slots, kRangeSlots);
    const int64_t group = a.q.shape[1] / a.cache.n_kv_heads;
    const int64_t n_states = round_up(States::floats(tiles.size * group, a.cache.head_dim), 16);
    const int64_t room = Team::kSharedBytes - int64_t(sizeof(Split));
    if (n_ranges < 2 || team.size() == 1 || items >= kItemsPerThread * team.size() ||
        items > kMostItems || items * n_ranges * n_states * int64_t(sizeof(float)) > room)
      return nullptr;
    Split* split = new (team.shared_scratch()) Split;
    split->n_ranges = n_ranges, split->tile_size = tiles.size, split->n_states = n_states;
    for (int64_t i = 0; i < items; ++i) split->open[i] = int32_t(n_ranges);
    return split;
  }
};

/// One range of one tile on one head.
template <class V>
void attend_part(Split& split, const AttentionArgs& a, int64_t item, int64_t range, Scratch& s) {
  const int64_t n_kv_heads = a.cache.n_kv_heads, first = item / n_kv_heads * split.tile_size;
  const int64_t last = std::min(first + split.tile_size, a.q.shape[0]);
  const int64_t begin = range * kRangeSlots, floats_of_query = a.cache.head_dim + 2;
  const auto states = [&](const Run& run, int64_t of_range) {
    const int64_t before = (run.first_token - first) * run.group;
    return States(split.states(item, of_range) + before * floats_of_query, run.n_queries());
  };
  for_each_run(a, item % n_kv_heads, first, last, [&](const Run& run) {
    if (run.slot(run.n_queries() - 1) < begin) return;
    scale_queries(run, s);
    attend_range<V>(run, begin, s, states(run, range));
  });
  if (split.open[item].fetch_sub(1) > 1) return;
  for_each_run(a, item % n_kv_heads, first, last, [&](const Run& run) {
    const int64_t end = run.slot(run.n_queries() - 1);
    for (int64_t r = 1; r * kRangeSlots <= end; ++r)
      merge_range<V>(run, r * kRangeSlots, states(run, r), states(run, 0));
    write_out(run, states(run, 0));
  });
}

template <class V>
void attention_by_blocks(Team& team, const AttentionArgs& a) {
  const int64_t n_tokens = a.q.shape[0], n_kv_heads = a.cache.n_kv_heads;
  const Tiles tiles(a);
  const auto scratch = [&](int thread) -> Scratch& {
    return *static_cast<Scratch*>(team.scratch(thread));
  };
  if (Split* split = Split::make(team, a, tiles)) {
    const int64_t n = tiles.count * n_kv_heads * split->n_ranges;
    team.parallel_for(n, 1, [&](int64_t begin, int64_t end, int thread) {
      for (int64_t i = begin; i < end; ++i)
        attend_part<V>(*split, a, i / split->n_ranges, i % split->n_ranges, scratch(thread));
    });
    return;
  }
  team.parallel_for(tiles.count * n_kv_heads, 1, [&](int64_t begin, int64_t end, int thread) {
    for (int64_t item = begin; item < end; ++item) {
      const int64_t first = item / n_kv_heads * tiles.size;
      for_each_run(a, item % n_kv_heads, first, std::min(first + tiles.size, n_tokens),
                   [&](const Run& run) { attend_run<V>(run, scratch(thread)); });
    }
  });
}

}  // namespace
}  // namespace qwench::cpu
