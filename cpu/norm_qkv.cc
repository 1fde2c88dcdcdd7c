// norm_qkv: q, k, v = rms_norm(x) @ W^T (+ bias), three matrices as one pool of panels.
#include "cpu/ops.h"
#include "cpu/panel_kernels.h"
#include "cpu/plugin_args.h"

namespace qwench::cpu {

namespace {

struct NormQkv {
  using Args = NormQkvArgs;
  static std::array<const WeightView*, 3> weights(const Args& a) { return {&a.wq, &a.wk, &a.wv}; }
  static void run(const Args& a, Stream& stream, const PanelProducts& products) {
    const LinearArgs matmuls[] = {{a.normed, a.wq, a.bias_q, a.q},
                                  {a.normed, a.wk, a.bias_k, a.k},
                                  {a.normed, a.wv, a.bias_v, a.v}};
    panel_matmul(team_of(stream), {a.x, a.norm, a.eps, a.normed}, matmuls, 3, products);
  }
};

constexpr auto kNormQkv = panel_kernels<NormQkv>();

void to_c(const NormQkvArgs& a, QwenchArgs& to) {
  to.norm_qkv = {matrix(a.x),
                 tensor(a.norm),
                 weight(a.wq),
                 weight(a.wk),
                 weight(a.wv),
                 tensor(a.bias_q),
                 tensor(a.bias_k),
                 tensor(a.bias_v),
                 matrix(a.normed),
                 matrix(a.q),
                 matrix(a.k),
                 matrix(a.v),
                 a.eps};
}

}  // namespace

template <>
CpuOp<NormQkvArgs> cpu_op() {
  return {kNormQkv, to_c};
}

}  // namespace qwench::cpu
