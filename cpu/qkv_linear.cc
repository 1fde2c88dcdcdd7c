// qkv_linear: q, k, v = x @ W^T (+ bias), three matrices as one pool of panels.
#include "cpu/ops.h"
#include "cpu/panel_kernels.h"
#include "cpu/plugin_args.h"

namespace qwench::cpu {

namespace {

struct QkvLinear {
  using Args = QkvLinearArgs;
  static std::array<const WeightView*, 3> weights(const Args& a) { return {&a.wq, &a.wk, &a.wv}; }
  static void run(const Args& a, Stream& stream, const PanelProducts& products) {
    const LinearArgs matmuls[] = {
        {a.x, a.wq, a.bias_q, a.q}, {a.x, a.wk, a.bias_k, a.k}, {a.x, a.wv, a.bias_v, a.v}};
    panel_matmul(team_of(stream), matmuls, 3, products);
  }
};

constexpr auto kQkvLinear = panel_kernels<QkvLinear>();

void to_c(const QkvLinearArgs& a, QwenchArgs& to) {
  to.qkv_linear = {matrix(a.x),      weight(a.wq),     weight(a.wk), weight(a.wv), tensor(a.bias_q),
                   tensor(a.bias_k), tensor(a.bias_v), matrix(a.q),  matrix(a.k),  matrix(a.v)};
}

}  // namespace

template <>
CpuOp<QkvLinearArgs> cpu_op() {
  return {kQkvLinear, to_c};
}

}  // namespace qwench::cpu
