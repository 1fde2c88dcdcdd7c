// Attention by ranges of keys, for any width of vectors: V says what a vector is (attention_avx2.cc,
// attention_avx512.cc). Only those files include this.
//
// States of blocks (attention_blocks.h) merge in ascending order within ranges of 8 blocks, cut at absolute slots, then
// ranges do: few tokens of a long context are work for all threads, a range each, and who computed a range changes
// nothing. The queries of a KV head's group and of up to 16 neighbouring tokens share every load of K and V.
// A query's numbers depend on its own keys alone, so batch and chunking never change them. Nothing
// of size n x n exists. Source: online softmax with merged states (FlashAttention, flashinfer).
#pragma once
#include <atomic>
#include <new>

#include "cpu/attention_blocks.h"

namespace qwench::cpu {
namespace {  // one copy per file: never merged with code built for another ISA

constexpr int64_t kTileTokens = 16;
constexpr int64_t kRangeSlots = 8 * kKvBlock;

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
