// Running an op with one kernel after the other, beside the oracle (every op at its reference), and
// the one table of tolerances.
#pragma once
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "cpu/cpu_backend.h"
#include "tests/support/backends.h"
#include "tests/support/poisoned.h"

namespace qwench::test {

/// A CPU backend with the given choice ("linear=eigen", "reference" or "").
inline std::unique_ptr<Backend> backend_with(const std::string& choice, int threads = 2) {
  cpu::CpuOptions options;
  options.threads = threads;
  if (!choice.empty()) options.policy.add(choice);
  return make_test_backend(options);
}

/// True where kernels may use AVX2.
inline bool avx2_here() {
  static const bool here = backend_with("", 1)->describe().has("avx2");
  return here;
}

/// False for a kernel whose name has an instruction set in it, where there is not even AVX2.
inline bool may_run(std::string_view kernel) {
  return avx2_here() || kernel.find("_avx") == kernel.npos;
}

/// "op=kernel" for every kernel of an op on the CPU backend that may run, and "op=composed" for a level-2 op.
template <class Args>
std::vector<std::string> choices_of() {
  const std::string op(Args::kName);
  std::vector<std::string> choices;
  const auto backend = backend_with("", 1);
  for (const Kernel<Args>& k : backend->kernels(Tag<Args>{}))
    if (may_run(k.name)) choices.push_back(op + "=" + std::string(k.name));
  if (kHasParts<Args>) choices.push_back(op + "=composed");
  return choices;
}

/// True when the backend's forced kernel takes these args; a refusal is counted, not failed.
template <class Args>
bool runs(Backend& backend, const Args& args) {
  try {
    backend.run(args);
    return true;
  } catch (const UsageError&) {
    return false;
  }
}

/// False, said aloud, where there are no kernels of AVX2.
inline bool has_avx2() {
  if (avx2_here()) return true;
  MESSAGE("skipped: this processor has no AVX2");
  return false;
}

/// x through the RMS norm that the fused kernels begin with.
inline Poisoned normed(Poisoned& x, Poisoned& w, float eps = 1e-6f) {
  Poisoned y(x.view().shape);
  backend_with("", 1)->run(RmsNormArgs{x.view(), w.view(), eps, y.view()});
  return y;
}

/// A norm_qkv of n rows with a bias on q: what goes in, and what comes out.
struct QkvRows {
  Poisoned x, norm, bias, scratch, q, k, v;

  QkvRows(int64_t n, int64_t in, int64_t q_out, int64_t k_out, int64_t v_out)
      : x({n, in}, 6),
        norm({in}, 5),
        bias({q_out}, 4),
        scratch({n, in}),
        q({n, q_out}),
        k({n, k_out}),
        v({n, v_out}) {}
  NormQkvArgs args(const Weight& wq, const Weight& wk, const Weight& wv) {
    NormQkvArgs a;
    a.x = x.view(), a.norm = norm.view(), a.eps = 1e-6f;
    a.wq = wq.view, a.wk = wk.view, a.wv = wv.view;
    a.bias_q = bias.view(), a.normed = scratch.view();
    a.q = q.view(), a.k = k.view(), a.v = v.view();
    return a;
  }
  bool guards_intact() const {
    return scratch.guards_intact() && q.guards_intact() && k.guards_intact() && v.guards_intact();
  }
};

constexpr double kEps = 5.97e-8;  // half an ulp of f32 at 1

/// Sum of n products in f32 whose magnitudes add up to `norm`: rounding errors walk randomly.
inline double tolerance_of_sum(int64_t n, double norm) {
  return 4 * std::sqrt(double(n)) * kEps * norm + 1e-30;
}
/// A value made by a handful of f32 operations, exp among them.
inline double tolerance_of_value(double value) { return 32 * kEps * std::fabs(value) + 1e-30; }

}  // namespace qwench::test
