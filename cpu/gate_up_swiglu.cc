// gate_up_swiglu: h = silu(x @ Wg^T) * (x @ Wu^T), fused over the same rows of both matrices.
#include "cpu/ops.h"
#include "cpu/panel_kernels.h"
#include "cpu/plugin_args.h"

namespace qwench::cpu {

namespace {

struct GateUpSwiGlu {
  using Args = GateUpSwiGluArgs;
  static std::array<const WeightView*, 2> weights(const Args& a) { return {&a.w_gate, &a.w_up}; }
  static void run(const Args& a, Stream& stream, const PanelProducts& products) {
    panel_gate_up_swiglu(team_of(stream), a, products);
  }
};

constexpr auto kGateUpSwiGlu = panel_kernels<GateUpSwiGlu>();

void to_c(const GateUpSwiGluArgs& a, QwenchArgs& to) {
  to.gate_up_swiglu = {matrix(a.x), weight(a.w_gate), weight(a.w_up), matrix(a.scratch),
                       matrix(a.h)};
}

}  // namespace

template <>
CpuOp<GateUpSwiGluArgs> cpu_op() {
  return {kGateUpSwiGlu, to_c};
}

}  // namespace qwench::cpu
