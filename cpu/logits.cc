// logits: y = x @ W^T with the head, a row of its own so that reports show it apart from the
// layers.
#include "cpu/ops.h"
#include "cpu/panel_kernels.h"
#include "cpu/plugin_args.h"

namespace qwench::cpu {

namespace {

struct Logits {
  using Args = LogitsArgs;
  static std::array<const WeightView*, 1> weights(const Args& a) { return {&a.w}; }
  static void run(const Args& a, Stream& stream, const PanelProducts& products) {
    const LinearArgs matmul{a.x, a.w, {}, a.y};
    panel_matmul(team_of(stream), &matmul, 1, products);
  }
};

constexpr auto kLogits = panel_kernels<Logits>();

void to_c(const LogitsArgs& a, QwenchArgs& to) {
  to.logits = {matrix(a.x), weight(a.w), matrix(a.y)};
}

}  // namespace

template <>
CpuOp<LogitsArgs> cpu_op() {
  return {kLogits, to_c};
}

}  // namespace qwench::cpu
