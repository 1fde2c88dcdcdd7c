// swiglu: h = silu(gate) * up.
#include <cmath>

#include "cpu/elementwise_avx2.h"
#include "cpu/ops.h"
#include "cpu/plugin_args.h"

namespace qwench::cpu {

namespace {

void swiglu_reference(const SwiGluArgs& a, Stream&) {
  const float *gate = a.gate.as<const float>(), *up = a.up.as<const float>();
  for (int64_t i = 0; i < a.h.shape.count(); ++i) {
    const double g = gate[i];
    a.h.as<float>()[i] = float(g / (1 + std::exp(-g)) * up[i]);
  }
}

#if defined(QWENCH_X86)
const char* avx2_unsupported(const SwiGluArgs&) { return avx2_missing(); }
void avx2(const SwiGluArgs& a, Stream& stream) { swiglu_avx2(team_of(stream), a); }
#endif

constexpr Kernel<SwiGluArgs> kSwiGlu[] = {
#if defined(QWENCH_X86)
    {"f32_polyexp_avx2", avx2_unsupported, avx2},
#endif
    {"reference", always_supported<SwiGluArgs>, swiglu_reference},
};

void to_c(const SwiGluArgs& a, QwenchArgs& to) {
  to.swiglu = {matrix(a.gate), matrix(a.up), matrix(a.h)};
}

}  // namespace

template <>
CpuOp<SwiGluArgs> cpu_op() {
  return {kSwiGlu, to_c};
}

}  // namespace qwench::cpu
