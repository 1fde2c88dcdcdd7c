// Every attention kernel against the exact softmax, over block borders, head sizes, groups and
// caches.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

#include "cpu/kv_page.h"
#include "tests/support/op_check.h"

using namespace qwench;
using namespace qwench::test;

namespace {

struct Case {
  int64_t head_dim, n_kv_heads, group;
};
const Case kCases[] = {{8, 1, 1},  {16, 2, 3},  {24, 1, 5}, {64, 2, 7},
                       {80, 1, 2}, {128, 2, 4}, {256, 1, 1}};

/// Keys and values of every sequence up to `length` slots; the rest of the pages is NaN. The pages of a
/// sequence are scattered over the memory.
struct Cache {
  std::vector<int32_t> table;
  Poisoned memory;
  KvView view;

  Cache(const Case& c, DType k_type, DType v_type, int64_t n_seq, int64_t capacity, int64_t length,
        float deviation)
      : memory({n_seq * 2 * c.n_kv_heads * capacity, c.head_dim}) {
    const int64_t n = n_seq * capacity / kKvBlock;
    for (int64_t i = 0; i < n; ++i) table.push_back(int32_t((n - 1 - i + n_seq) % n));
    view = KvView({k_type, v_type, c.n_kv_heads, c.head_dim}, memory.view().data, n,
                  {table.data(), DType::kI32, {n_seq, capacity / kKvBlock}});
    std::memset(view.k, 0xff, size_t(n * view.page_bytes));  // NaN of every type
    Poisoned k({n_seq * length * c.n_kv_heads, c.head_dim}, 11, deviation);
    Poisoned v({n_seq * length * c.n_kv_heads, c.head_dim}, 12);
    int64_t at = 0;
    for (int64_t seq = 0; seq < n_seq; ++seq)
      for (int64_t slot = 0; slot < length; ++slot)
        for (int64_t head = 0; head < c.n_kv_heads; ++head)
          for (int64_t d = 0; d < c.head_dim; ++d, ++at) {
            const cpu::KvBlock block = cpu::kv_block(view, seq, slot, head);
            cpu::store(block.k, k_type, cpu::key_place(slot, d), k.at(at));
            cpu::store(block.v, v_type, cpu::value_place(slot, d, c.head_dim), v.at(at));
          }
  }
};

struct Inputs {
  std::vector<int32_t> slots, sequences;
  TensorView slot() { return {slots.data(), DType::kI32, {int64_t(slots.size())}}; }
  TensorView seq() { return {sequences.data(), DType::kI32, {int64_t(sequences.size())}}; }
};

AttentionArgs args_of(const Case& c, Cache& cache, Inputs& in, Poisoned& q, Poisoned& out) {
  const float scale = 1 / std::sqrt(float(c.head_dim));
  return {q.view(), in.slot(), in.seq(), cache.view, scale, out.view(), 0, 0, {}};
}

/// Prefill of one sequence up to past a block border, then single tokens of several sequences.
const Inputs kInputs[] = {
    {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18},
     std::vector<int32_t>(19, 0)},
    {{60, 61, 62, 63, 64, 65, 66}, std::vector<int32_t>(7, 1)},
    {{0, 63, 64, 65, 127, 128, 129}, {0, 1, 0, 1, 0, 1, 0}},
};

/// Types of keys and of values.
const std::pair<DType, DType> kTypes[] = {{DType::kF32, DType::kF32},
                                          {DType::kF16, DType::kF16},
                                          {DType::kBF16, DType::kBF16},
                                          {DType::kF16, DType::kF32},
                                          {DType::kF32, DType::kBF16}};

}  // namespace

TEST_CASE("every attention kernel equals the reference on every head size, group and cache type") {
  int ran = 0;
  for (const std::string& choice : choices_of<AttentionArgs>())
    for (const Case& c : kCases)
      for (const auto& types : kTypes)
        for (Inputs in : kInputs)
          for (float deviation : {1.0f, 30.0f}) {  // 30: scores far apart, one key takes all
            CAPTURE(choice);
            CAPTURE(c.head_dim);
            const int64_t n = int64_t(in.slots.size()), heads = c.n_kv_heads * c.group;
            Cache cache(c, types.first, types.second, 2, 192, 130, deviation);
            Poisoned q({n, heads, c.head_dim}, 2), out({n, heads, c.head_dim}),
                expected({n, heads, c.head_dim});
            backend_with("reference")->run(args_of(c, cache, in, q, expected));
            if (!runs(*backend_with(choice), args_of(c, cache, in, q, out))) continue;
            ++ran;
            double largest = 0;
            for (int64_t i = 0; i < out.size(); ++i)
              largest = std::max(largest, std::fabs(double(out.at(i)) - expected.at(i)));
            // A score of magnitude s carries s * eps * sqrt(head_dim); exp turns it into a relative
            // error of the weights, which scale values of magnitude about 4.
            const double score = double(deviation) * std::sqrt(double(c.head_dim)) * 4;
            CHECK(largest <= 4 * (16 * kEps + 4 * kEps * score));
            CHECK((!out.has_nan() && out.guards_intact()));
          }
  CHECK(ran >= 7 * (has_avx2() ? 10 : 5) * 3 * 2);  // none is refused
}

TEST_CASE("scores far beyond the range of exp leave one key, as in the reference") {
  const Case c{64, 2, 7};
  for (const std::string& choice : choices_of<AttentionArgs>())
    for (float deviation : {1e4f, 1e12f, 1e17f}) {
      CAPTURE(choice);
      CAPTURE(deviation);
      Inputs in = kInputs[2];
      Cache cache(c, DType::kF32, DType::kF32, 2, 192, 130, deviation);
      Poisoned q({7, 14, 64}, 2), out({7, 14, 64}), expected({7, 14, 64});
      backend_with("reference")->run(args_of(c, cache, in, q, expected));
      if (!runs(*backend_with(choice), args_of(c, cache, in, q, out))) continue;
      for (int64_t i = 0; i < out.size(); ++i) CHECK(out.at(i) == doctest::Approx(expected.at(i)));
    }
}

TEST_CASE("attention's tolerance sees a key that is left out") {
  const Case c{64, 2, 7};
  Inputs all = kInputs[2], fewer = kInputs[2];
  fewer.slots[3] -= 1;
  Cache cache(c, DType::kF32, DType::kF32, 2, 192, 130, 1);
  Poisoned q({7, 14, 64}, 2), a({7, 14, 64}), b({7, 14, 64});
  const auto backend = backend_with("");
  backend->run(args_of(c, cache, all, q, a));
  backend->run(args_of(c, cache, fewer, q, b));
  double largest = 0;
  for (int64_t i = 0; i < a.size(); ++i)
    largest = std::max(largest, std::fabs(double(a.at(i)) - b.at(i)));
  CHECK(largest > 4 * (16 * kEps + 4 * kEps * 32));
}

TEST_CASE("attention gives the same bits alone, in a prefill and with any threads") {
  const Case c{64, 2, 7};
  Cache cache(c, DType::kF32, DType::kF32, 2, 192, 130, 3);
  Inputs together;
  for (int32_t pos = 40; pos < 130; ++pos)
    together.slots.push_back(pos), together.sequences.push_back(1);
  const int64_t n = int64_t(together.slots.size());
  Poisoned q({n, 14, 64}, 2), out({n, 14, 64}), alone({1, 14, 64});
  backend_with("", 3)->run(args_of(c, cache, together, q, out));
  const auto backend = backend_with("", 1);
  for (int64_t t = 0; t < n; ++t) {
    Inputs one{{together.slots[size_t(t)]}, {1}};
    AttentionArgs args = args_of(c, cache, one, q, alone);
    args.q = {q.view().as<float>() + t * 14 * 64, DType::kF32, {1, 14, 64}};
    backend->run(args);
    CHECK(std::memcmp(alone.view().data, out.view().as<float>() + t * 14 * 64, 14 * 64 * 4) == 0);
  }
}

namespace {

/// Tokens around the borders of ranges of 512 slots, of two sequences, and neighbours across one.
const std::vector<int32_t> kLongSlots = {0,    63,   511,  512, 513, 575, 600, 1023, 1024, 1025,
                                         1535, 1536, 1599, 509, 510, 511, 512, 513,  514};

Inputs long_inputs() {
  Inputs in{kLongSlots, {}};
  for (size_t i = 0; i < kLongSlots.size(); ++i)
    in.sequences.push_back(i < 13 ? int32_t(i % 2) : 1);
  return in;
}

}  // namespace

TEST_CASE("over ranges of keys every attention kernel equals the reference, whatever the type") {
  for (const Case& c : {Case{64, 2, 7}, Case{128, 1, 2}, Case{16, 1, 1}})
    for (const DType type : {DType::kF32, DType::kF16, DType::kBF16}) {
      Inputs in = long_inputs();
      const int64_t n = int64_t(in.slots.size()), heads = c.n_kv_heads * c.group;
      Cache cache(c, type, type, 2, 1664, 1600, 1);
      Poisoned q({n, heads, c.head_dim}, 2), out({n, heads, c.head_dim}),
          expected({n, heads, c.head_dim});
      backend_with("reference")->run(args_of(c, cache, in, q, expected));
      for (const std::string& choice : choices_of<AttentionArgs>()) {
        CAPTURE(choice);
        CAPTURE(c.head_dim);
        if (!runs(*backend_with(choice, 3), args_of(c, cache, in, q, out))) continue;
        double largest = 0;
        for (int64_t i = 0; i < out.size(); ++i)
          largest = std::max(largest, std::fabs(double(out.at(i)) - expected.at(i)));
        CHECK(largest <= 4 * (16 * kEps + 4 * kEps * 4 * std::sqrt(double(c.head_dim))));
        CHECK((!out.has_nan() && out.guards_intact()));
      }
    }
}

TEST_CASE(
    "over ranges of keys attention gives the same bits alone, together and with any threads") {
  const Case c{64, 1, 7};
  for (const DType type : {DType::kF32, DType::kF16}) {
    Inputs in = long_inputs();
    const int64_t n = int64_t(in.slots.size()), row = 7 * 64;
    Cache cache(c, type, type, 2, 1664, 1600, 3);
    Poisoned q({n, 7, 64}, 2), out({n, 7, 64}), alone({1, 7, 64});
    backend_with("", 1)->run(args_of(c, cache, in, q, out));
    for (const int threads : {1, 2, 3, 5}) {
      const auto backend = backend_with("", threads);
      Poisoned again({n, 7, 64});
      backend->run(args_of(c, cache, in, q, again));
      CHECK(std::memcmp(again.view().data, out.view().data, size_t(out.view().bytes())) == 0);
      for (int64_t t = 0; t < n; ++t) {
        CAPTURE(t);
        Inputs one{{in.slots[size_t(t)]}, {in.sequences[size_t(t)]}};
        AttentionArgs args = args_of(c, cache, one, q, alone);
        args.q = {q.view().as<float>() + t * row, DType::kF32, {1, 7, 64}};
        backend->run(args);
        CHECK(std::memcmp(alone.view().data, out.view().as<float>() + t * row, size_t(row) * 4) ==
              0);
      }
    }
  }
}

namespace {

/// A list for one sequence of one KV head: the blocks of every token.
struct Listed {
  std::vector<int32_t> rows, counts, blocks;
  BlockList view;

  explicit Listed(const std::vector<std::vector<int32_t>>& of_tokens) {
    const int64_t most = 3, n = int64_t(of_tokens.size());
    for (const std::vector<int32_t>& token : of_tokens) {
      rows.push_back(int32_t(rows.size()));
      counts.push_back(int32_t(token.size()));
      for (int64_t i = 0; i < most; ++i)
        blocks.push_back(i < int64_t(token.size()) ? token[size_t(i)] : 0x7fffffff);
    }
    view.rows = {rows.data(), DType::kI32, {n}};
    view.counts = {counts.data(), DType::kI32, {n, 1}};
    view.blocks = {blocks.data(), DType::kI32, {n, 1, most}};
  }
};

}  // namespace

TEST_CASE("a list of all blocks is attention to all keys, and a shorter one to those it names") {
  const Case c{16, 1, 2};
  Cache cache(c, DType::kF32, DType::kF32, 1, 192, 150, 1);
  Inputs in{{10, 70, 140}, {0, 0, 0}};
  Poisoned q({3, 2, 16}, 2), dense({3, 2, 16}), full({3, 2, 16}), sparse({3, 2, 16});
  const auto backend = backend_with("reference");
  backend->run(args_of(c, cache, in, q, dense));
  Listed all({{0}, {0, 1}, {0, 1, 2}});
  AttentionArgs args = args_of(c, cache, in, q, full);
  args.blocks = all.view;
  backend->run(args);
  CHECK(std::memcmp(full.view().data, dense.view().data, size_t(dense.view().bytes())) == 0);
  // Without block 1, token 140 must be what it is with keys 64 to 127 moved out of a cache that has only the
  // others: slot 140 becomes slot 76.
  Listed some({{0}, {0, 1}, {0, 2}});
  args.out = sparse.view(), args.blocks = some.view;
  backend->run(args);
  CHECK(std::memcmp(sparse.view().data, dense.view().data, 2 * 2 * 16 * 4) == 0);
  std::swap(cache.table[1], cache.table[2]);
  Inputs shorter{{10, 70, 76}, {0, 0, 0}};
  Poisoned expected({3, 2, 16});
  backend->run(args_of(c, cache, shorter, q, expected));
  for (int64_t i = 2 * 2 * 16; i < 3 * 2 * 16; ++i) {
    CHECK(sparse.at(i) == expected.at(i));
    CHECK(sparse.at(i) != dense.at(i));
  }
}
