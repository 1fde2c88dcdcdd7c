// norm_logits: y = rms_norm(x) @ W^T with the head.
#include "cpu/ops.h"
#include "cpu/panel_kernels.h"
#include "cpu/plugin_args.h"

namespace qwench::cpu {

namespace {

struct NormLogits {
  using Args = NormLogitsArgs;
  static std::array<const WeightView*, 1> weights(const Args& a) { return {&a.w}; }
  static void run(const Args& a, Stream& stream, const PanelProducts& products) {
    const LinearArgs matmul{a.normed, a.w, {}, a.y};
    panel_matmul(team_of(stream), {a.x, a.norm, a.eps, a.normed}, &matmul, 1, products);
  }
};

constexpr auto kNormLogits = panel_kernels<NormLogits>();

void to_c(const NormLogitsArgs& a, QwenchArgs& to) {
  to.norm_logits = {matrix(a.x), tensor(a.norm), weight(a.w), matrix(a.normed), matrix(a.y), a.eps};
}

}  // namespace

template <>
CpuOp<NormLogitsArgs> cpu_op() {
  return {kNormLogits, to_c};
}

}  // namespace qwench::cpu
