// logits: y = x @ W^T with the head, a row of its own so that reports show it apart from the
// layers.
#include "cpu/ops.h"
#include "cpu/panel_kernels.h"

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

}  // namespace

KernelList<LogitsArgs> logits_kernels() { return kLogits; }

}  // namespace qwench::cpu
