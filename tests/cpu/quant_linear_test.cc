// Every kernel that multiplies quantised weights, against plain scalar steps of the same arithmetic
// (equal bits) and against the exact product (within the rounding of the activations).
#include <doctest/doctest.h>

#include <algorithm>

#include "cpu/cpu_info.h"
#include "tests/support/op_check.h"
#include "tests/support/quant_matrix.h"

using namespace qwench;
using namespace qwench::test;

namespace {

const DType kDTypes[] = {DType::kQ8_0, DType::kQ4_0, DType::kQ4G};

struct Size {
  int64_t out, in;
};
// One block, chunk - 1, chunk, chunk + 1; rows 1, primes, panel - 1, panel, panel + 1; real slices.
const Size kSizes[] = {{1, 32},  {7, 64},   {31, 96},   {32, 128}, {33, 160},
                       {13, 32}, {37, 544}, {128, 896}, {64, 4864}};
const int64_t kTokens[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 16, 17, 23};

/// The names of the integer kernels of a type that run here, the narrowest last.
std::vector<std::string> own_kernels(DType t) {
  const cpu::CpuInfo& info = cpu::cpu_info();
  std::vector<std::string> names;
  if (info.avx512_vnni && info.avx512_vbmi)
    names.push_back(std::string(name_of(t)) + "_intdot_avx512vnni");
  if (info.avx2) names.push_back(std::string(name_of(t)) + "_intdot_avx2");
  return names;
}
/// Activations of 7 bits: another result, so not one of the model's.
const std::string kSevenBits = "q8_0_int7dot_avx2";
std::vector<std::string> invariant_kernels(DType t) {
  std::vector<std::string> names = own_kernels(t);
  if (t == DType::kQ8_0 && cpu::cpu_info().avx2) names.push_back(kSevenBits);
  return names;
}
bool is_own(const std::string& op, const std::string& choice, DType t) {
  const std::vector<std::string> names = own_kernels(t);
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return choice == op + "=" + name; });
}

/// The bits that every row of y must have.
std::vector<float> model(const QuantMatrix& w, Poisoned& x, const Poisoned* bias, int64_t n) {
  std::vector<float> y;
  for (int64_t t = 0; t < n; ++t) {
    const QuantVector q(x.view().row<float>(t), w.in);
    for (int64_t o = 0; o < w.out; ++o) y.push_back(w.dot(o, q) + (bias ? bias->at(o) : 0));
  }
  return y;
}

bool same_bits(Poisoned& y, const std::vector<float>& expected) {
  return y.size() == int64_t(expected.size()) &&
         std::memcmp(y.view().data, expected.data(), expected.size() * sizeof(float)) == 0;
}

/// y = W x with the given kernel ("": the default).
Poisoned product(const std::string& choice, const QuantMatrix& w, Poisoned& x, int64_t n,
                 const TensorView& bias = {}, int threads = 1) {
  const auto backend = backend_with(choice, threads);
  const Weight weight = backend->import(w.view(), WeightUse::kLinear);
  Poisoned y({n, w.out});
  backend->run(LinearArgs{x.view(), weight.view, bias, y.view()});
  CHECK(y.guards_intact());
  return y;
}

/// Every kernel of the type gives the expected bits.
void check_own_kernels(DType t, const QuantMatrix& w, Poisoned& x, int64_t n,
                       const std::vector<float>& expected, int threads = 1) {
  for (const std::string& name : own_kernels(t)) {
    Poisoned y = product("linear=" + name, w, x, n, {}, threads);
    CHECK_MESSAGE(same_bits(y, expected), name);
  }
}

}  // namespace

TEST_CASE("every int8 kernel of linear gives the bits of the scalar model") {
  if (!has_avx2()) return;
  for (DType t : kDTypes)
    for (const Size& size : kSizes) {
      const QuantMatrix w(t, size.out, size.in, 7);
      Poisoned bias({size.out}, 3);
      for (int64_t n : kTokens) {
        CAPTURE(name_of(t));
        CAPTURE(size.out);
        CAPTURE(size.in);
        CAPTURE(n);
        Poisoned x({n, size.in}, uint64_t(n));
        const auto expected = model(w, x, nullptr, n), expected_biased = model(w, x, &bias, n);
        for (const std::string& name : own_kernels(t)) {
          CAPTURE(name);
          const std::string kernel = "linear=" + name;
          Poisoned plain = product(kernel, w, x, n), biased = product(kernel, w, x, n, bias.view());
          CHECK(same_bits(plain, expected));
          CHECK(same_bits(biased, expected_biased));
        }
      }
    }
}

TEST_CASE("more tokens than one block of scratch holds give the bits of the scalar model") {
  if (!has_avx2()) return;
  for (DType t : kDTypes)
    for (const Size& size : {Size{33, 896}, Size{5, 4864}}) {
      const QuantMatrix w(t, size.out, size.in, 7);
      Poisoned x({515, size.in}, 5);
      const auto expected = model(w, x, nullptr, 515);
      check_own_kernels(t, w, x, 515, expected, 3);
    }
}

TEST_CASE("every kernel of linear is within the rounding of the activations of the exact product") {
  int ran = 0;
  for (const std::string& choice : choices_of<LinearArgs>())
    for (DType t : kDTypes)
      for (const Size& size : {Size{33, 160}, Size{128, 896}, Size{64, 4864}})
        for (int64_t n : {1, 7, 17}) {
          CAPTURE(choice);
          CAPTURE(name_of(t));
          const bool rounds = is_own("linear", choice, t);
          const bool exact = choice == "linear=reference" || choice == "linear=eigen";
          const bool seven = choice == "linear=" + kSevenBits && t == DType::kQ8_0;
          if (!rounds && !exact && !seven) continue;
          const QuantMatrix w(t, size.out, size.in, 7);
          Poisoned x({n, size.in}, 2);
          Poisoned y = product(choice, w, x, n);
          double worst = 0;
          for (int64_t i = 0; i < n * size.out; ++i) {
            double norm, rounding;
            const float* row = x.view().row<float>(i / size.out);
            const double expected = w.exact_dot(i % size.out, row, norm, rounding);
            const double tolerance =
                tolerance_of_sum(size.in + 1, norm) + (rounds  ? rounding
                                                       : seven ? rounding * 127 / 63
                                                               : 0);
            worst = std::max(worst, std::fabs(double(y.at(i)) - expected) / tolerance);
          }
          CHECK(worst <= 1);
          ++ran;
        }
  CHECK(ran >= 2 * 3 * 3 * 3);  // eigen and the reference everywhere
}

TEST_CASE("no pair of products saturates, whatever extreme all weights and activations are at") {
  if (!has_avx2()) return;
  const int64_t in = 256, out = 35;
  for (DType t : kDTypes)
    for (int low : {0, 128})       // q8_0: -128 (no encoder writes it, a file may); nibble 0
      for (int high : {127, 255})  // q8_0: 127 or -1; nibble 15
        for (int pattern = 0; pattern < 4; ++pattern)
          for (int64_t n : {1, 4, 9, 17}) {
            CAPTURE(name_of(t));
            CAPTURE(low);
            CAPTURE(high);
            CAPTURE(pattern);
            CAPTURE(n);
            const auto integer = [&](int64_t row, int64_t k) {
              const bool up = pattern == 0   ? row % 2 == 0
                              : pattern == 1 ? k % 2 == 0
                              : pattern == 2 ? k % 4 < 2
                                             : (row + k / 16) % 2 == 0;
              return up ? high : low;
            };
            const auto scale = [](int64_t row, int64_t b) { return int(b * 37 + row) & 255; };
            const QuantMatrix w(t, out, in, 1, integer, scale);
            Poisoned x({n, in});
            for (int64_t i = 0; i < n * in; ++i) {
              const int64_t token = i / in, k = i % in;
              const bool up = token % 3 == 0 ? true : token % 3 == 1 ? k % 2 == 0 : k % 4 < 2;
              x.at(i) = up ? 3.0f : -3.0f;
            }
            const auto expected = model(w, x, nullptr, n);
            check_own_kernels(t, w, x, n, expected);
          }
}

TEST_CASE(
    "7-bit activations: one row and many agree where all weights and activations are extreme") {
  if (!has_avx2()) return;
  for (int low : {128, 129})  // -128, -127
    for (int pattern = 0; pattern < 3; ++pattern) {
      const auto integer = [&](int64_t row, int64_t k) {
        return (pattern == 0 ? row % 2 == 0 : pattern == 1 ? k % 2 == 0 : k % 4 < 2) ? 127 : low;
      };
      const auto scale = [](int64_t row, int64_t b) { return int(b * 37 + row) & 255; };
      const QuantMatrix w(DType::kQ8_0, 35, 256, 1, integer, scale);
      Poisoned x({17, 256});
      for (int64_t i = 0; i < 17 * 256; ++i)
        x.at(i) = (i / 256 % 3 == 0 ? true : i / 256 % 3 == 1 ? i % 2 == 0 : i % 4 < 2) ? 3 : -3;
      Poisoned many = product("linear=" + kSevenBits, w, x, 17);
      for (int64_t row = 0; row < 17; ++row) {
        Poisoned one({1, 256});
        for (int64_t k = 0; k < 256; ++k) one.at(k) = x.at(row * 256 + k);
        Poisoned y = product("linear=" + kSevenBits, w, one, 1);
        CHECK(std::memcmp(y.view().data, many.view().row<float>(row), 35 * 4) == 0);
      }
    }
}

TEST_CASE("int8 kernels give the same bits for any batch, thread count and block of tokens") {
  for (DType t : kDTypes)
    for (const std::string& name : invariant_kernels(t)) {
      CAPTURE(name);
      const QuantMatrix w(t, 100, 288, 9);
      Poisoned x({515, 288}, 5);
      Poisoned all = product("linear=" + name, w, x, 515, {}, 3);
      const auto backend = backend_with("linear=" + name, 1);
      const Weight weight = backend->import(w.view(), WeightUse::kLinear);
      for (int64_t step : {1, 2, 3, 4, 5, 8, 64}) {
        Poisoned parts({515, 100});
        for (int64_t first = 0; first < 515; first += step) {
          const int64_t n = std::min(step, 515 - first);
          backend->run(
              LinearArgs{x.view().slice(first, n), weight.view, {}, parts.view().slice(first, n)});
        }
        CHECK(std::memcmp(all.view().data, parts.view().data, size_t(515 * 100 * 4)) == 0);
      }
    }
}

TEST_CASE("a NaN or Inf among the activations reaches every output of its token and no other") {
  if (!has_avx2()) return;
  const float inf = std::numeric_limits<float>::infinity();
  for (DType t : kDTypes)
    for (float bad : {std::nanf(""), -std::nanf(""), inf, -inf})
      for (int64_t n : {1, 3, 8, 17})
        for (int64_t k = 0; k < 96; k += 5) {
          const QuantMatrix w(t, 33, 96, 7);
          Poisoned x({n, 96}, 4);
          const std::vector<float> expected = model(w, x, nullptr, n);
          x.at((n - 1) * 96 + k) = bad;
          for (const std::string& name : own_kernels(t)) {
            CAPTURE(name);
            Poisoned y = product("linear=" + name, w, x, n);
            int64_t finite = 0;
            for (int64_t o = 0; o < 33; ++o) finite += std::isfinite(y.at((n - 1) * 33 + o));
            CHECK(finite == 0);
            CHECK(std::memcmp(y.view().data, expected.data(), size_t((n - 1) * 33 * 4)) == 0);
          }
        }
}

TEST_CASE("blocks of zeros, of subnormal numbers and of the largest numbers follow the model") {
  if (!has_avx2()) return;
  for (DType t : kDTypes)
    for (float size : {0.0f, 1e-40f, 1e-36f, 1e-35f, 1e-20f, 1e20f})
      for (int64_t n : {1, 6, 17}) {
        const QuantMatrix w(t, 9, 64, 7);
        Poisoned x({n, 64}, 4);
        for (int64_t i = 0; i < n * 64; i += 2) x.at(i) *= size, x.at(i + 1) *= size;
        const auto expected = model(w, x, nullptr, n);
        check_own_kernels(t, w, x, n, expected);
      }
}

TEST_CASE("norm_qkv of quantised weights gives the bits of its parts, also when types are mixed") {
  if (!has_avx2()) return;
  for (DType t : kDTypes)
    for (DType v_type : kDTypes)
      for (const std::string& choice : choices_of<NormQkvArgs>())
        for (int64_t n : {1, 2, 5, 17}) {
          const bool own = is_own("norm_qkv", choice, t) && v_type == t;
          if (!own && choice != "norm_qkv=composed") continue;
          CAPTURE(choice);
          CAPTURE(n);
          const QuantMatrix q(t, 48, 96, 1), k(t, 16, 96, 2), v(v_type, 17, 96, 3);
          QkvRows rows(n, 96, 48, 16, 17);
          const auto backend = backend_with(choice);
          const Weight wq = backend->import(q.view(), WeightUse::kLinear);
          const Weight wk = backend->import(k.view(), WeightUse::kLinear);
          const Weight wv = backend->import(v.view(), WeightUse::kLinear);
          backend->run(rows.args(wq, wk, wv));
          Poisoned y = normed(rows.x, rows.norm);
          CHECK(same_bits(rows.q, model(q, y, &rows.bias, n)));
          CHECK(same_bits(rows.k, model(k, y, nullptr, n)));
          CHECK(same_bits(rows.v, model(v, y, nullptr, n)));
          CHECK(rows.guards_intact());
        }
}

TEST_CASE("norm_gate_up and norm_logits of quantised weights are made of the model's products") {
  if (!has_avx2()) return;
  for (DType t : kDTypes)
    for (int64_t n : {1, 2, 5, 17}) {
      const QuantMatrix gate(t, 75, 96, 1), up(t, 75, 96, 2);
      Poisoned x({n, 96}, 3), norm({96}, 4), scratch({n, 96}), y = normed(x, norm);
      const std::vector<float> g = model(gate, y, nullptr, n), u = model(up, y, nullptr, n);
      std::vector<std::string> kernels = own_kernels(t);
      kernels.push_back("composed");
      for (const std::string& name : kernels) {
        CAPTURE(name);
        const auto backend = backend_with("norm_gate_up=" + name);
        const Weight wg = backend->import(gate.view(), WeightUse::kLinear);
        const Weight wu = backend->import(up.view(), WeightUse::kLinear);
        Poisoned products({n, 75}), h({n, 75});
        backend->run(NormGateUpArgs{x.view(), norm.view(), 1e-6f, wg.view, wu.view, scratch.view(),
                                    products.view(), h.view()});
        double worst = 0;
        for (size_t i = 0; i < g.size(); ++i) {
          const double expected = double(g[i]) / (1 + std::exp(-double(g[i]))) * double(u[i]);
          worst = std::max(
              worst, std::fabs(double(h.at(int64_t(i))) - expected) / tolerance_of_value(expected));
        }
        CHECK(worst <= 1);
        CHECK(h.guards_intact());
      }
      for (const std::string& name : own_kernels(t)) {
        const auto backend = backend_with("norm_logits=" + name);
        const Weight w = backend->import(gate.view(), WeightUse::kHead);
        Poisoned logits({n, 75});
        backend->run(
            NormLogitsArgs{x.view(), norm.view(), 1e-6f, w.view, scratch.view(), logits.view()});
        CHECK_MESSAGE(same_bits(logits, g), name);
      }
    }
}

TEST_CASE("every embed kernel of a quantised table returns the decoded row") {
  for (DType t : kDTypes)
    for (WeightUse use : {WeightUse::kEmbedding, WeightUse::kTiedEmbedding})
      for (const std::string& choice : choices_of<EmbedArgs>())
        for (int64_t in : {32, 96, 128, 288}) {
          const QuantMatrix w(t, 70, in, 5);
          const auto backend = backend_with(choice);
          const Weight weight = backend->import(w.view(), use);
          int32_t ids[5] = {0, 69, 32, 31, 4};
          Poisoned x({5, in});
          backend->run(EmbedArgs{{ids, DType::kI32, {5}}, weight.view, x.view()});
          for (int64_t i = 0; i < 5; ++i)
            CHECK(std::memcmp(x.view().row<float>(i), &w.exact[size_t(ids[i] * in)],
                              size_t(in) * 4) == 0);
          CHECK(x.guards_intact());
        }
}

TEST_CASE("one changed bit of a quantised weight is seen") {
  if (!has_avx2()) return;
  for (DType t : kDTypes)
    for (int64_t n : {1, 6}) {
      const QuantMatrix w(t, 33, 160, 7);
      Poisoned x({n, 160}, 1);
      const std::vector<float> expected = model(w, x, nullptr, n);
      for (size_t back : {size_t(1), size_t(16)}) {
        QuantMatrix wrong = w;
        wrong.stored[wrong.stored.size() - back] ^= 0x10;
        Poisoned y = product("", wrong, x, n);
        CHECK(!same_bits(y, expected));
      }
    }
}

TEST_CASE("packed quantised weights take the bytes of their rows, a multiple of 32 of them") {
  if (!has_avx2()) return;
  for (DType t : kDTypes) {
    const auto backend = backend_with("");
    const QuantMatrix w(t, 33, 160, 7);
    const Weight weight = backend->import(w.view(), WeightUse::kTiedEmbedding);
    CHECK((weight.view.packed && !weight.view.plain));
    CHECK(backend->memory().now[size_t(MemoryKind::kWeights)] == 64 * row_bytes(t, 160));
  }
}
