// Every attention kernel against the exact softmax, over block borders, head sizes, groups and
// caches.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

#include "tests/support/op_check.h"

using namespace qwench;
using namespace qwench::test;

namespace {

struct Case {
  int64_t head_dim, n_kv_heads, group;
};
const Case kCases[] = {{8, 1, 1},  {16, 2, 3},  {24, 1, 5}, {64, 2, 7},
                       {80, 1, 2}, {128, 2, 4}, {256, 1, 1}};

/// A cache filled up to `length` positions per sequence; the rest is NaN.
struct Cache {
  std::vector<uint16_t> halves;
  Poisoned floats;
  KvView view;

  Cache(const Case& c, DType dtype, int64_t n_seq, int64_t capacity, int64_t length,
        float deviation)
      : floats({2, n_seq * c.n_kv_heads * capacity, c.head_dim}) {
    const int64_t n = floats.size() / 2;
    view = {floats.view().data, floats.view().as<float>() + n,
            DType::kF32,        n_seq,
            c.n_kv_heads,       capacity,
            c.head_dim};
    Poisoned k({n_seq * length * c.n_kv_heads, c.head_dim}, 11, deviation);
    Poisoned v({n_seq * length * c.n_kv_heads, c.head_dim}, 12);
    int64_t at = 0;
    for (int64_t seq = 0; seq < n_seq; ++seq)
      for (int64_t pos = 0; pos < length; ++pos)
        for (int64_t head = 0; head < c.n_kv_heads; ++head)
          for (int64_t d = 0; d < c.head_dim; ++d, ++at) {
            floats.at(view.k_index(seq, head, pos, d)) = k.at(at);
            floats.at(n + view.v_index(seq, head, pos, d)) = v.at(at);
          }
    if (dtype == DType::kF32) return;
    halves.resize(size_t(2 * n));
    convert(floats.view().data, DType::kF32, halves.data(), DType::kF16, 2 * n);
    view.k = halves.data(), view.v = halves.data() + n, view.dtype = DType::kF16;
  }
};

struct Inputs {
  std::vector<int32_t> positions, sequences;
  TensorView pos() { return {positions.data(), DType::kI32, {int64_t(positions.size())}}; }
  TensorView seq() { return {sequences.data(), DType::kI32, {int64_t(sequences.size())}}; }
};

AttentionArgs args_of(const Case& c, Cache& cache, Inputs& in, Poisoned& q, Poisoned& out) {
  const float scale = 1 / std::sqrt(float(c.head_dim));
  return {q.view(), in.pos(), in.seq(), cache.view, scale, out.view()};
}

/// Prefill of one sequence up to past a block border, then single tokens of several sequences.
const Inputs kInputs[] = {
    {{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18},
     std::vector<int32_t>(19, 0)},
    {{60, 61, 62, 63, 64, 65, 66}, std::vector<int32_t>(7, 1)},
    {{0, 63, 64, 65, 127, 128, 129}, {0, 1, 0, 1, 0, 1, 0}},
};

}  // namespace

TEST_CASE("every attention kernel equals the reference on every head size, group and cache type") {
  int ran = 0;
  for (const std::string& choice : choices_of<AttentionArgs>())
    for (const Case& c : kCases)
      for (DType dtype : {DType::kF32, DType::kF16})
        for (Inputs in : kInputs)
          for (float deviation : {1.0f, 30.0f}) {  // 30: scores far apart, one key takes all
            CAPTURE(choice);
            CAPTURE(c.head_dim);
            const int64_t n = int64_t(in.positions.size()), heads = c.n_kv_heads * c.group;
            Cache cache(c, dtype, 2, 192, 130, deviation);
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
  CHECK(ran >= 2 * 7 * 2 * 3 * 2);
}

TEST_CASE("scores far beyond the range of exp leave one key, as in the reference") {
  const Case c{64, 2, 7};
  for (const std::string& choice : choices_of<AttentionArgs>())
    for (float deviation : {1e4f, 1e12f, 1e17f}) {
      CAPTURE(choice);
      CAPTURE(deviation);
      Inputs in = kInputs[2];
      Cache cache(c, DType::kF32, 2, 192, 130, deviation);
      Poisoned q({7, 14, 64}, 2), out({7, 14, 64}), expected({7, 14, 64});
      backend_with("reference")->run(args_of(c, cache, in, q, expected));
      if (!runs(*backend_with(choice), args_of(c, cache, in, q, out))) continue;
      for (int64_t i = 0; i < out.size(); ++i) CHECK(out.at(i) == doctest::Approx(expected.at(i)));
    }
}

TEST_CASE("attention's tolerance sees a key that is left out") {
  const Case c{64, 2, 7};
  Inputs all = kInputs[2], fewer = kInputs[2];
  fewer.positions[3] -= 1;
  Cache cache(c, DType::kF32, 2, 192, 130, 1);
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
  Cache cache(c, DType::kF32, 2, 192, 130, 3);
  Inputs together;
  for (int32_t pos = 40; pos < 130; ++pos)
    together.positions.push_back(pos), together.sequences.push_back(1);
  const int64_t n = int64_t(together.positions.size());
  Poisoned q({n, 14, 64}, 2), out({n, 14, 64}), alone({1, 14, 64});
  backend_with("", 3)->run(args_of(c, cache, together, q, out));
  const auto backend = backend_with("", 1);
  for (int64_t t = 0; t < n; ++t) {
    Inputs one{{together.positions[size_t(t)]}, {1}};
    AttentionArgs args = args_of(c, cache, one, q, alone);
    args.q = {q.view().as<float>() + t * 14 * 64, DType::kF32, {1, 14, 64}};
    backend->run(args);
    CHECK(std::memcmp(alone.view().data, out.view().as<float>() + t * 14 * 64, 14 * 64 * 4) == 0);
  }
}
