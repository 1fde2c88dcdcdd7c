// norm_gate_up: h = silu(rms_norm(x) @ Wg^T) * (rms_norm(x) @ Wu^T), fused over the same rows of both
// matrices.
#include "cpu/ops.h"
#include "cpu/panel_kernels.h"
#include "cpu/plugin_args.h"

namespace qwench::cpu {

namespace {

struct NormGateUp {
  using Args = NormGateUpArgs;
  static std::array<const WeightView*, 2> weights(const Args& a) { return {&a.w_gate, &a.w_up}; }
  static void run(const Args& a, Stream& stream, const PanelProducts& products) {
    panel_gate_up(team_of(stream), a, products);
  }
};

constexpr auto kNormGateUp = panel_kernels<NormGateUp>();

void to_c(const NormGateUpArgs& a, QwenchArgs& to) {
  to.norm_gate_up = {matrix(a.x),      tensor(a.norm), weight(a.w_gate), weight(a.w_up),
                     matrix(a.normed), matrix(a.gate), matrix(a.h),      a.eps};
}

}  // namespace

template <>
CpuOp<NormGateUpArgs> cpu_op() {
  return {kNormGateUp, to_c};
}

}  // namespace qwench::cpu
