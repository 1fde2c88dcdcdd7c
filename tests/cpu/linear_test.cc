// Every kernel of linear, norm_qkv, norm_gate_up, norm_logits and embed, on odd and real shapes.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>

#include "cpu/cpu_info.h"
#include "tests/support/op_check.h"

using namespace qwench;
using namespace qwench::test;

namespace {

struct Size {
  int64_t out, in;
};
// 1, primes, panel - 1, panel, panel + 1, chunk + 1, Qwen2.5-0.5B's kv and a slice of its down
// proj.
const Size kSizes[] = {{1, 1}, {7, 13}, {31, 128}, {32, 127}, {33, 129}, {128, 896}, {64, 4864}};
const int64_t kTokens[] = {1, 2, 3, 4, 8, 17};

/// A matrix of one type, with the values that the type holds kept as f32 beside it.
struct Matrix {
  std::vector<char> stored;
  std::vector<float> exact;
  TensorView view;

  Matrix(DType dtype, int64_t out, int64_t in, uint64_t seed) {
    Poisoned random({out, in}, seed, 0.1f);
    stored.resize(size_t(out * in * size_of(dtype)));
    exact.resize(size_t(out * in));
    convert(random.view().data, DType::kF32, stored.data(), dtype, out * in);
    convert(stored.data(), dtype, exact.data(), DType::kF32, out * in);
    view = {stored.data(), dtype, {out, in}};
  }
  /// Exact dot product with x, and the sum of the magnitudes.
  double dot(const float* x, int64_t row, double& norm) const {
    double sum = 0;
    norm = 0;
    for (int64_t k = 0; k < view.cols(); ++k) {
      const double product = double(x[k]) * double(exact[size_t(row * view.cols() + k)]);
      sum += product, norm += std::fabs(product);
    }
    return sum;
  }
};

/// x as the kernel of `choice` multiplies it: rounded where the kernel says that it rounds.
template <class Args>
std::vector<float> seen_by(const std::string& choice, Poisoned& x) {
  const auto n = int64_t(x.size());
  std::vector<float> seen(x.view().as<float>(), x.view().as<float>() + n);
  const auto backend = backend_with("", 1);
  for (const Kernel<Args>& k : backend->kernels(Tag<Args>{}))
    if (choice == std::string(Args::kName) + "=" + std::string(k.name) &&
        k.inputs == InputPrecision::kBF16) {
      std::vector<uint16_t> rounded(seen.size());
      convert(seen.data(), DType::kF32, rounded.data(), DType::kBF16, n);
      convert(rounded.data(), DType::kBF16, seen.data(), DType::kF32, n);
    }
  return seen;
}

/// Largest |error| / tolerance of y = x W^T + bias; above 1 is wrong.
double worst(const Matrix& w, const std::vector<float>& x, const Poisoned* bias, Poisoned& y,
             int64_t n_tokens) {
  double worst = 0;
  const int64_t out = w.view.rows(), in = w.view.cols();
  for (int64_t t = 0; t < n_tokens; ++t)
    for (int64_t o = 0; o < out; ++o) {
      double norm, exact = w.dot(&x[size_t(t * in)], o, norm);
      if (bias) exact += double(bias->at(o)), norm += std::fabs(double(bias->at(o)));
      const double error = std::fabs(double(y.at(t * out + o)) - exact);
      worst = std::max(worst, error / tolerance_of_sum(in + 1, norm));
      if (std::isnan(error)) return 1e30;
    }
  return worst;
}

bool same_bits(Poisoned a, Poisoned b) {
  return a.size() == b.size() &&
         std::memcmp(a.view().data, b.view().data, size_t(a.view().bytes())) == 0;
}

template <class Args>
bool has_kernel(std::string_view name) {
  const auto all = backend_with("");
  for (const Kernel<Args>& k : all->kernels(Tag<Args>{}))
    if (k.name == name) return true;
  return false;
}

const DType kDTypes[] = {DType::kF32, DType::kF16, DType::kBF16};

/// The panel kernels of a type that run here.
std::vector<std::string> panel_choices(DType dtype) {
  const std::string name = "linear=" + std::string(name_of(dtype)) + "_panel_";
  std::vector<std::string> choices;
  if (cpu::cpu_info().avx512) choices.push_back(name + "avx512");
  if (cpu::cpu_info().avx2) choices.push_back(name + "avx2");
  if (dtype == DType::kBF16 && cpu::cpu_info().avx512_bf16)
    choices.push_back("linear=bf16_dot_avx512bf16");
  return choices;
}

}  // namespace

TEST_CASE("every linear kernel equals the exact product, whatever the shape, type and bias") {
  int ran = 0;
  for (const std::string& choice : choices_of<LinearArgs>())
    for (DType dtype : kDTypes)
      for (const Size& size : kSizes) {
        CAPTURE(choice);
        const auto backend = backend_with(choice);
        const Matrix matrix(dtype, size.out, size.in, 7);
        Poisoned bias({size.out}, 3);
        Weight w;
        try {
          w = backend->import(matrix.view, WeightUse::kLinear);
        } catch (const UsageError&) {
          continue;  // a kernel of another type
        }
        for (int64_t n : kTokens)
          for (bool with_bias : {false, true}) {
            Poisoned x({n, size.in}, uint64_t(n)), y({n, size.out});
            const TensorView b = with_bias ? bias.view() : TensorView{};
            if (!runs(*backend, LinearArgs{x.view(), w.view, b, y.view()})) continue;
            ++ran;
            CHECK(worst(matrix, seen_by<LinearArgs>(choice, x), with_bias ? &bias : nullptr, y,
                        n) <= 1);
            CHECK(y.guards_intact());
          }
      }
  CHECK(ran >= 3 * 7 * 6 * 2);  // at least the reference ran everywhere
}

TEST_CASE("a wrong weight is seen by the linear tolerance") {
  const Matrix matrix(DType::kF32, 33, 129, 7);
  Matrix wrong = matrix;
  wrong.view.data = wrong.stored.data();
  wrong.view.row<float>(32)[128] += 0.01f;
  const auto backend = backend_with("");
  const Weight w = backend->import(wrong.view, WeightUse::kLinear);
  Poisoned x({1, 129}, 1), y({1, 33});
  backend->run(LinearArgs{x.view(), w.view, {}, y.view()});
  CHECK(worst(matrix, seen_by<LinearArgs>("", x), nullptr, y, 1) > 1);
}

TEST_CASE("panel kernels give the same bits for any batch, thread count and token block") {
  for (DType dtype : kDTypes)
    for (const std::string& choice : panel_choices(dtype)) {
      CAPTURE(choice);
      const Matrix matrix(dtype, 100, 301, 9);
      const auto one = backend_with(choice, 1), three = backend_with(choice, 3);
      const Weight w1 = one->import(matrix.view, WeightUse::kLinear);
      const Weight w3 = three->import(matrix.view, WeightUse::kLinear);
      const int64_t n = 515;  // more than one token block
      Poisoned x({n, 301}, 5), batch({n, 100}), single({n, 100});
      three->run(LinearArgs{x.view(), w3.view, {}, batch.view()});
      for (int64_t t = 0; t < n; ++t)
        one->run(LinearArgs{x.view().slice(t, 1), w1.view, {}, single.view().slice(t, 1)});
      CHECK(std::memcmp(batch.view().data, single.view().data, size_t(n * 100 * 4)) == 0);
    }
}

TEST_CASE("every linear kernel adds its product to the residual, bit for bit") {
  int ran = 0;
  const auto all = backend_with("");
  for (const Kernel<LinearArgs>& kernel : all->kernels(Tag<LinearArgs>{}))
    for (DType dtype : kDTypes)
      for (bool with_bias : {false, true}) {
        const std::string name(kernel.name);
        CAPTURE(name);
        const Matrix matrix(dtype, 48, 70, 1);
        const auto backend = backend_with("linear=" + name);
        const int64_t n = 5;
        Poisoned x({n, 70}, 2), bias({48}, 3), product({n, 48}), sum({n, 48}, 4), start({n, 48}, 4);
        const TensorView b = with_bias ? bias.view() : TensorView{};
        try {
          const Weight w = backend->import(matrix.view, WeightUse::kLinear);
          backend->run(LinearArgs{x.view(), w.view, b, product.view()});
          backend->run(LinearArgs{x.view(), w.view, b, sum.view(), /*add=*/true});
        } catch (const UsageError&) {
          continue;  // a kernel of another type or processor
        }
        ++ran;
        const double tolerance = kernel.invariant ? 0 : 1e-5;  // a library may add in another order
        for (int64_t i = 0; i < n * 48; ++i)
          CHECK(std::fabs(sum.at(i) - (start.at(i) + product.at(i))) <= tolerance);
        CHECK(sum.guards_intact());
      }
  CHECK(ran >= 3 * 2);
}

TEST_CASE(
    "every norm_qkv and norm_logits kernel gives the bits of rms_norm and linear of its name") {
  int ran = 0;
  for (DType dtype : kDTypes) {
    const Matrix q(dtype, 48, 70, 1), k(dtype, 16, 70, 2), v(dtype, 16, 70, 3);
    const auto all = backend_with("");
    for (const Kernel<LinearArgs>& kernel : all->kernels(Tag<LinearArgs>{})) {
      if (!has_kernel<NormQkvArgs>(kernel.name)) continue;  // eigen, reference
      const std::string name(kernel.name);
      CAPTURE(name);
      for (int64_t n : kTokens) {
        QkvRows rows(n, 70, 48, 16, 16);
        Poisoned y = normed(rows.x, rows.norm), logits({n, 48});
        const auto product = [&](Backend& backend, const Matrix& m, const TensorView& b) {
          Poisoned to({n, m.view.rows()});
          const Weight w = backend.import(m.view, WeightUse::kLinear);
          backend.run(LinearArgs{y.view(), w.view, b, to.view()});
          return to;
        };
        const auto parts = backend_with("linear=" + name), fused = backend_with("norm_qkv=" + name),
                   head = backend_with("norm_logits=" + name);
        try {
          const Poisoned one = product(*parts, q, rows.bias.view()), two = product(*parts, k, {}),
                         three = product(*parts, v, {}), four = product(*parts, q, {});
          const Weight wq = fused->import(q.view, WeightUse::kLinear);
          const Weight wk = fused->import(k.view, WeightUse::kLinear);
          const Weight wv = fused->import(v.view, WeightUse::kLinear);
          const Weight w = head->import(q.view, WeightUse::kHead);
          fused->run(rows.args(wq, wk, wv));
          head->run(NormLogitsArgs{rows.x.view(), rows.norm.view(), 1e-6f, w.view,
                                   rows.scratch.view(), logits.view()});
          CHECK(same_bits(rows.q, one));
          CHECK(same_bits(rows.k, two));
          CHECK(same_bits(rows.v, three));
          CHECK(same_bits(logits, four));
          ++ran;
        } catch (const UsageError&) {
          continue;  // a kernel of another type or processor
        }
        const std::vector<float> seen = seen_by<NormQkvArgs>("norm_qkv=" + name, y);
        CHECK(worst(q, seen, &rows.bias, rows.q, n) <= 1);
        CHECK(worst(k, seen, nullptr, rows.k, n) <= 1);
        CHECK(worst(v, seen, nullptr, rows.v, n) <= 1);
        CHECK((rows.guards_intact() && logits.guards_intact()));
      }
    }
  }
  if (has_avx2()) CHECK(ran >= 3 * 6);  // each type by one kernel at least
}

TEST_CASE("a composed norm_qkv and norm_logits are their parts, which the policy chooses") {
  const Matrix q(DType::kF32, 48, 70, 1), k(DType::kF32, 16, 70, 2);
  QkvRows rows(3, 70, 48, 16, 16);
  Poisoned logits({3, 48});
  const auto backend = backend_with("linear=reference");
  const Weight wq = backend->import(q.view, WeightUse::kLinear);
  const Weight wk = backend->import(k.view, WeightUse::kLinear);
  backend->run(rows.args(wq, wk, wk));
  backend->run(NormLogitsArgs{rows.x.view(), rows.norm.view(), 1e-6f, wq.view, rows.scratch.view(),
                              logits.view()});
  Poisoned y = normed(rows.x, rows.norm);
  const std::vector<float> seen(y.view().as<float>(), y.view().as<float>() + y.size());
  CHECK(worst(q, seen, &rows.bias, rows.q, 3) <= 1);
  CHECK(worst(k, seen, nullptr, rows.k, 3) <= 1);
  CHECK(worst(k, seen, nullptr, rows.v, 3) <= 1);
  CHECK(worst(q, seen, nullptr, logits, 3) <= 1);
}

TEST_CASE("every norm_gate_up kernel is silu(gate) * up of the exact products") {
  int ran = 0;
  for (DType dtype : kDTypes)
    for (const std::string& choice : choices_of<NormGateUpArgs>())
      for (int64_t n : kTokens) {
        CAPTURE(choice);
        const Matrix gate(dtype, 75, 96, 1), up(dtype, 75, 96, 2);
        const auto backend = backend_with(choice);
        Poisoned x({n, 96}, 3), norm({96}, 4), scratch({n, 96}), products({n, 75}), h({n, 75});
        try {
          const Weight wg = backend->import(gate.view, WeightUse::kLinear);
          const Weight wu = backend->import(up.view, WeightUse::kLinear);
          backend->run(NormGateUpArgs{x.view(), norm.view(), 1e-6f, wg.view, wu.view,
                                      scratch.view(), products.view(), h.view()});
        } catch (const UsageError&) {
          continue;
        }
        ++ran;
        Poisoned y = normed(x, norm);
        const std::vector<float> seen = seen_by<NormGateUpArgs>(choice, y);
        double worst_ratio = 0;
        for (int64_t t = 0; t < n; ++t)
          for (int64_t o = 0; o < 75; ++o) {
            double gate_norm, up_norm;
            const double g = gate.dot(&seen[size_t(t * 96)], o, gate_norm);
            const double u = up.dot(&seen[size_t(t * 96)], o, up_norm);
            const double exact = g / (1 + std::exp(-g)) * u;
            // |silu'| <= 1.1, |silu(g)| <= |g|: errors of both sums pass through the product.
            const double tolerance = 1.1 * tolerance_of_sum(96, gate_norm) * std::fabs(u) +
                                     tolerance_of_sum(96, up_norm) * std::fabs(g) +
                                     tolerance_of_value(exact);
            worst_ratio = std::max(worst_ratio, std::fabs(h.at(t * 75 + o) - exact) / tolerance);
          }
        CHECK(worst_ratio <= 1);
        CHECK((h.guards_intact() && scratch.guards_intact()));
      }
  CHECK(ran >= 3 * (has_avx2() ? 2 : 1) * 6);
}

TEST_CASE("every embed kernel returns the exact row") {
  for (DType dtype : kDTypes)
    for (WeightUse use : {WeightUse::kEmbedding, WeightUse::kTiedEmbedding})
      for (const std::string& choice : choices_of<EmbedArgs>()) {
        const Matrix matrix(dtype, 70, 33, 5);
        const auto backend = backend_with(choice);
        const Weight w = backend->import(matrix.view, use);
        int32_t ids[3] = {0, 69, 32};
        Poisoned x({3, 33});
        backend->run(EmbedArgs{{ids, DType::kI32, {3}}, w.view, x.view()});
        for (int64_t t = 0; t < 3; ++t)
          CHECK(std::memcmp(x.view().row<float>(t), &matrix.exact[size_t(ids[t] * 33)], 33 * 4) ==
                0);
        CHECK(x.guards_intact());
      }
}

TEST_CASE("a policy that mixes layouts holds both, and memory counts both") {
  if (!has_avx2()) return;  // all that there is reads the plain layout
  const Matrix matrix(DType::kBF16, 64, 64, 1);
  const auto plain = backend_with("linear=eigen"), mixed = backend_with("embed=reference");
  const Weight w = plain->import(matrix.view, WeightUse::kTiedEmbedding);
  CHECK((w.view.plain && !w.view.packed));
  CHECK(plain->memory().now[size_t(MemoryKind::kWeights)] == 64 * 64 * 2);
  const Weight both = mixed->import(matrix.view, WeightUse::kTiedEmbedding);
  CHECK((both.view.plain && both.view.packed));
  CHECK(mixed->memory().now[size_t(MemoryKind::kWeights)] == 2 * 64 * 64 * 2);
}

TEST_CASE("a weight's own order of inputs is that of the inputs it is multiplied with") {
  const int64_t n = 2, in = 5, out = 3;
  std::vector<int32_t> order = {3, 0, 4, 1, 2};
  Poisoned x({n, in}, 1), gathered({n, in}), w({out, in}, 2), y({n, out}), expected({n, out});
  for (int64_t t = 0; t < n; ++t)
    for (int64_t k = 0; k < in; ++k) gathered.at(t * in + k) = x.at(t * in + order[size_t(k)]);
  const auto backend = backend_with("linear=reference");
  const Weight held = backend->import(w.view(), WeightUse::kLinear);
  WeightView ordered = held.view;
  ordered.order = {order.data(), DType::kI32, {in}};
  backend->run(LinearArgs{gathered.view(), held.view, {}, expected.view()});
  backend->run(LinearArgs{x.view(), ordered, {}, y.view()});
  for (int64_t i = 0; i < y.size(); ++i) CHECK(y.at(i) == expected.at(i));
  // Every other kernel refuses it.
  for (const std::string& choice : choices_of<LinearArgs>()) {
    if (choice == "linear=reference") continue;
    CAPTURE(choice);
    CHECK_THROWS_WITH_AS(backend_with(choice)->run(LinearArgs{x.view(), ordered, {}, y.view()}),
                         doctest::Contains("order of the inputs only"), UsageError);
  }
}
