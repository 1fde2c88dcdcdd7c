// The kernels between the matrix products: norms, rotary embedding, KV store, SwiGLU.
#include <doctest/doctest.h>

#include <cstring>

#include <algorithm>

#include "tests/support/op_check.h"

using namespace qwench;
using namespace qwench::test;

namespace {
const int64_t kWidths[] = {1, 7, 8, 9, 64, 897};

/// Deviations whose squares are near or beyond the ends of f32, with an eps that hides it or does not.
const std::pair<float, float> kScales[] = {{1, 1e-6f},     {1e-20f, 1e-6f}, {1e-22f, 1e-40f},
                                           {1e16f, 1e-6f}, {1e19f, 1e-6f},  {1e25f, 1e-6f},
                                           {1e37f, 1e-6f}};

double worst(const Poisoned& got, const Poisoned& expected, double magnitude) {
  double ratio = 0;
  for (int64_t i = 0; i < got.size(); ++i) {
    if (std::isnan(got.at(i))) return 1e30;
    const double tolerance = 8 * kEps * magnitude + tolerance_of_value(expected.at(i));
    ratio = std::max(ratio, std::fabs(double(got.at(i)) - expected.at(i)) / tolerance);
  }
  return ratio;
}
/// A cache in this memory: two parts a page, pages of sequence s from pages[s * n] on.
KvView cache_in(Poisoned& memory, std::vector<int32_t>& pages, DType dtype, int64_t n_heads,
                int64_t head_dim) {
  const int64_t n = int64_t(pages.size()), n_seq = n > 1 ? 2 : 1;
  return {{dtype, dtype, n_heads, head_dim},
          memory.view().data,
          n,
          {pages.data(), DType::kI32, {n_seq, n / n_seq}}};
}
/// All that the memory of a cache holds, as elements of this type.
std::vector<float> numbers_in(Poisoned& cache, DType dtype) {
  const int64_t n = cache.view().bytes() / size_of(dtype);
  std::vector<float> values(static_cast<size_t>(n));
  convert(cache.view().data, dtype, values.data(), DType::kF32, n);
  return values;
}

}  // namespace

TEST_CASE("every rms_norm kernel equals the reference") {
  for (const std::string& choice : choices_of<RmsNormArgs>())
    for (int64_t dim : kWidths)
      for (int64_t n : {1, 3, 20})
        for (const auto& [spread, eps] : kScales) {
          const float deviation = spread;  // clang 14 captures no structured binding
          CAPTURE(choice);
          CAPTURE(dim);
          CAPTURE(deviation);
          Poisoned w({dim}, 2), x({n, dim}, 3, deviation), y({n, dim}), expected({n, dim});
          backend_with("reference")->run(RmsNormArgs{x.view(), w.view(), eps, expected.view()});
          backend_with(choice)->run(RmsNormArgs{x.view(), w.view(), eps, y.view()});
          CHECK(worst(y, expected, 0) <= 1);
          CHECK(y.guards_intact());
        }
}

TEST_CASE("every layer_norm kernel gives rows of the mean and the deviation that its weights say") {
  for (const std::string& choice : choices_of<LayerNormArgs>())
    for (int64_t dim : {7, 64, 897})
      for (bool with_bias : {false, true}) {
        CAPTURE(choice);
        CAPTURE(dim);
        const int64_t n = 3;
        Poisoned x({n, dim}, 1, 3), w({dim}, 2), bias({dim}, 3), y({n, dim});
        for (int64_t i = 0; i < x.size(); ++i) x.at(i) += 100;  // a mean far from zero
        const TensorView b = with_bias ? bias.view() : TensorView{};
        backend_with(choice)->run(LayerNormArgs{x.view(), w.view(), b, 1e-5f, y.view()});
        CHECK(y.guards_intact());
        for (int64_t t = 0; t < n; ++t) {  // undo w and bias: mean 0, variance 1
          double sum = 0, squares = 0;
          for (int64_t i = 0; i < dim; ++i) {
            const double plain =
                (double(y.at(t * dim + i)) - (with_bias ? bias.at(i) : 0)) / double(w.at(i));
            sum += plain, squares += plain * plain;
            const double order =
                (x.at(t * dim + i) - x.at(t * dim)) *
                (plain - (double(y.at(t * dim)) - (with_bias ? bias.at(0) : 0)) / double(w.at(0)));
            CHECK(order >= -1e-3);  // larger x, larger result
          }
          CHECK(std::fabs(sum / double(dim)) < 1e-3);
          CHECK(std::fabs(squares / double(dim) - 1) < 1e-3);
        }
      }
}

TEST_CASE("every gelu kernel gives the published values") {
  // torch.nn.functional.gelu in float64 at -3, -1, -0.5, 0, 0.5, 1, 3; then approximate="tanh".
  const double exact[] = {-0.00404969409489031, -0.158655253931457, -0.154268769363028, 0,
                          0.345731230636972,    0.841344746068543,  2.99595030590511};
  const double by_tanh[] = {-0.00363739208177299, -0.158808009391723, -0.154285990174856, 0,
                            0.345714009825144,    0.841191990608277,  2.99636260791823};
  for (const std::string& choice : choices_of<GeluArgs>())
    for (bool approximate : {false, true}) {
      CAPTURE(choice);
      CAPTURE(approximate);
      float x[] = {-3, -1, -0.5f, 0, 0.5f, 1, 3};
      Poisoned y({1, 7});
      backend_with(choice)->run(GeluArgs{{x, DType::kF32, {1, 7}}, y.view(), approximate});
      for (int64_t i = 0; i < 7; ++i)
        CHECK(std::fabs(y.at(i) - (approximate ? by_tanh[i] : exact[i])) <
              1e-7 + 1e-7 * std::fabs(exact[i]));
      CHECK(y.guards_intact());
    }
}

TEST_CASE("every swiglu kernel equals the reference, also at the ends of the range of exp") {
  for (const std::string& choice : choices_of<SwiGluArgs>())
    for (int64_t n : kWidths)
      for (float deviation : {1.0f, 30.0f, 200.0f}) {
        CAPTURE(choice);
        Poisoned gate({1, n}, 1, deviation), up({1, n}, 2), h({1, n}), expected({1, n});
        backend_with("reference")->run(SwiGluArgs{gate.view(), up.view(), expected.view()});
        backend_with(choice)->run(SwiGluArgs{gate.view(), up.view(), h.view()});
        CHECK(worst(h, expected, 1e-30) <= 1);
        CHECK(h.guards_intact());
      }
}

TEST_CASE("a gate beyond the range of exp leaves nothing of what comes with it") {
  for (const std::string& choice : choices_of<SwiGluArgs>()) {
    CAPTURE(choice);
    Poisoned gate({1, 9}, 1), up({1, 9}, 2, 1e20f), h({1, 9}), expected({1, 9});
    for (int64_t i = 0; i < 9; ++i) gate.at(i) = -80 - 3 * float(i);  // e^-80 to e^-104
    backend_with("reference")->run(SwiGluArgs{gate.view(), up.view(), expected.view()});
    backend_with(choice)->run(SwiGluArgs{gate.view(), up.view(), h.view()});
    CHECK(worst(h, expected, 1e-36 * 1e21 / kEps) <= 1);
  }
}

TEST_CASE("every qk_norm_rope kernel equals the reference and fills the same cache") {
  for (const std::string& choice : choices_of<QkNormRopeArgs>())
    for (int64_t head_dim : {8, 16, 48, 128})
      for (bool norm : {false, true})
        for (DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
          CAPTURE(choice);
          CAPTURE(head_dim);
          const int64_t n = 11, capacity = 128, half = head_dim / 2;
          std::vector<int32_t> positions, slots, seq(size_t(n), 1), pages = {2, 0, 3, 1};
          for (int32_t t = 0; t < n; ++t) slots.push_back(58 + t);  // over a block border
          for (int32_t t = 0; t < n; ++t) positions.push_back(70 - t);
          Poisoned cos({capacity, half}, 1), sin({capacity, half}, 2), wq({head_dim}, 3),
              wk({head_dim}, 4);
          struct Out {
            Poisoned q, k, v, cache;
          };
          const auto run = [&](const std::string& kernels) {
            Out o{Poisoned({n, 4, head_dim}, 5), Poisoned({n, 2, head_dim}, 6),
                  Poisoned({n, 2, head_dim}, 7), Poisoned({2, 2 * 2 * capacity, head_dim})};
            std::memset(o.cache.view().data, 0xff,
                        size_t(o.cache.view().bytes()));  // NaN of every type
            const KvView cache = cache_in(o.cache, pages, dtype, 2, head_dim);
            const QkNormRopeArgs args{
                o.q.view(),
                o.k.view(),
                o.v.view(),
                norm ? wq.view() : TensorView{},
                norm ? wk.view() : TensorView{},
                1e-6f,
                {{positions.data(), DType::kI32, {n, 1}}, {}, cos.view(), sin.view(), {}},
                {slots.data(), DType::kI32, {n}},
                {seq.data(), DType::kI32, {n}},
                cache};
            const bool ran = runs(*backend_with(kernels), args);
            return std::make_pair(std::move(o), ran);
          };
          auto [expected, always] = run("reference");
          auto [got, ran] = run(choice);
          CHECK(always);
          if (!ran) continue;
          CHECK(worst(got.q, expected.q, 4) <= 1);
          CHECK(worst(got.k, expected.k, 4) <= 1);
          CHECK(got.cache.guards_intact());
          const std::vector<float> ours = numbers_in(got.cache, dtype);
          const std::vector<float> theirs = numbers_in(expected.cache, dtype);
          // 16 bits may round to the neighbour.
          const double step = dtype == DType::kF16 ? 0x1p-10 : dtype == DType::kBF16 ? 0x1p-7 : 0;
          int64_t stored = 0, wrong = 0;
          for (size_t i = 0; i < ours.size(); ++i) {
            if (std::isnan(theirs[i]) != std::isnan(ours[i])) ++wrong;
            if (std::isnan(theirs[i])) continue;
            ++stored;
            wrong += !(std::fabs(ours[i] - theirs[i]) <= 1e-5 + step * std::fabs(theirs[i]));
          }
          CHECK(wrong == 0);
          CHECK(stored == 2 * n * 2 * head_dim);
        }
}

TEST_CASE("every qk_norm_rope kernel norms heads of any size") {
  const int64_t n = 2, head_dim = 48, capacity = 64;
  std::vector<int32_t> pos = {3, 4}, seq = {0, 0}, pages = {0};
  for (const std::string& choice : choices_of<QkNormRopeArgs>())
    for (const auto& [spread, eps] : kScales) {
      const float deviation = spread;
      CAPTURE(choice);
      CAPTURE(deviation);
      Poisoned cos({capacity, head_dim / 2}, 1), sin({capacity, head_dim / 2}, 2), w({head_dim}, 3);
      const auto run = [&, deviation = deviation, eps = eps](const std::string& kernels) {
        Poisoned q({n, 2, head_dim}, 4, deviation), k({n, 1, head_dim}, 5, deviation),
            v({n, 1, head_dim}, 6), cache({2 * capacity, head_dim});
        const KvView view = cache_in(cache, pages, DType::kF32, 1, head_dim);
        backend_with(kernels)->run(
            QkNormRopeArgs{q.view(),
                           k.view(),
                           v.view(),
                           w.view(),
                           w.view(),
                           eps,
                           {{pos.data(), DType::kI32, {n, 1}}, {}, cos.view(), sin.view(), {}},
                           {pos.data(), DType::kI32, {n}},
                           {seq.data(), DType::kI32, {n}},
                           view});
        return q;
      };
      const Poisoned expected = run("reference"), got = run(choice);
      CHECK(worst(got, expected, 4) <= 1);
    }
}

TEST_CASE("rope turns every pair by its own axis, and every token by its own table") {
  // Two tokens of one head of 4: pairs (0, 2) and (1, 3), on axes 1 and 0. Of 2 tables x 3 positions x 2 pairs
  // each angle is its place.
  std::vector<int32_t> positions = {0, 2, 1, 0}, axes = {1, 0}, tables = {1, 0};
  Poisoned cos({2, 3, 2}), sin({2, 3, 2}), x({2, 1, 4});
  for (int64_t i = 0; i < 12; ++i) cos.at(i) = std::cos(float(i)), sin.at(i) = std::sin(float(i));
  for (int64_t i = 0; i < 8; ++i)
    x.at(i) = i % 4 < 2 ? 1 : 0;  // pairs (1, 0): they become (cos, sin)
  backend_with("")->run(RopeArgs{x.view(),
                                 {{positions.data(), DType::kI32, {2, 2}},
                                  {axes.data(), DType::kI32, {2}},
                                  cos.view(),
                                  sin.view(),
                                  {tables.data(), DType::kI32, {2}}}});
  // Token 0: table 1; pair 0 by position 2, pair 1 by position 0. Token 1: table 0; by 0 and by 1.
  const float angles[] = {6 + 2 * 2 + 0, 6 + 0 + 1, 0 + 0 + 0, 0 + 2 * 1 + 1};
  for (int64_t t = 0; t < 2; ++t)
    for (int64_t j = 0; j < 2; ++j) {
      CHECK(x.at(4 * t + j) == std::cos(angles[2 * t + j]));
      CHECK(x.at(4 * t + 2 + j) == std::sin(angles[2 * t + j]));
    }
}

TEST_CASE("every argmax kernel takes the first of equal values below the limit") {
  for (const std::string& choice : choices_of<ArgmaxArgs>())
    for (int64_t n : {1, 7, 8, 9, 1000})
      for (int64_t at : {int64_t(0), n / 2, n - 1}) {
        CAPTURE(choice);
        Poisoned logits({2, n + 3}, 9);
        for (int64_t row : {0, 1}) {
          logits.at(row * (n + 3) + at) = 50;
          if (row == 1 && at + 1 < n) logits.at(row * (n + 3) + n - 1) = 50;  // a tie
          logits.at(row * (n + 3) + n) = 99;                                  // past the limit
        }
        int32_t ids[2] = {-1, -1}, nonfinite[2] = {-1, -1};
        backend_with(choice)->run(
            ArgmaxArgs{logits.view(), {ids, DType::kI32, {2}}, {nonfinite, DType::kI32, {2}}, n});
        CHECK(ids[0] == at);
        CHECK(ids[1] == at);
        CHECK(nonfinite[0] == 0);
        CHECK(nonfinite[1] == 0);
      }
}

TEST_CASE("every argmax kernel counts the NaN and Inf of a row, below the limit and past it") {
  constexpr float kBad[] = {NAN, -NAN, INFINITY, -INFINITY};
  for (const std::string& choice : choices_of<ArgmaxArgs>())
    for (int64_t n : {1, 7, 8, 9, 40})
      for (int64_t limit : {int64_t(1), (n + 1) / 2, n})
        for (int64_t bad : {int64_t(1), n}) {
          CAPTURE(choice);
          Poisoned logits({3, n}, 9);
          for (int64_t i = 0; i < bad; ++i) logits.at(n + n - 1 - i) = kBad[i % 4];
          int32_t ids[3], nonfinite[3] = {-1, -1, -1};
          backend_with(choice)->run(ArgmaxArgs{
              logits.view(), {ids, DType::kI32, {3}}, {nonfinite, DType::kI32, {3}}, limit});
          CHECK(nonfinite[0] == 0);
          CHECK(nonfinite[1] == bad);
          CHECK(nonfinite[2] == 0);
        }
}

TEST_CASE("the elementwise tolerance sees an error of one in ten thousand") {
  Poisoned a({4}, 1), b({4}, 1);
  b.at(2) *= 1.0001f;
  CHECK(worst(a, b, 0) > 1);
  CHECK(worst(a, a, 0) <= 1);
}
