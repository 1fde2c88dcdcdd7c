// gate_up_swiglu: h = silu(x @ Wg^T) * (x @ Wu^T), fused over the same rows of both matrices.
#include "cpu/ops.h"
#include "cpu/panel_kernels.h"

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

}  // namespace

KernelList<GateUpSwiGluArgs> gate_up_swiglu_kernels() { return kGateUpSwiGlu; }

}  // namespace qwench::cpu
