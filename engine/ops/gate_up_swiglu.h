// gate_up_swiglu: h = silu(x @ Wg^T) * (x @ Wu^T).
#pragma once
#include <string_view>

#include "engine/ops/linear.h"
#include "engine/ops/op.h"
#include "engine/ops/swiglu.h"

namespace qwench {

struct GateUpSwiGluArgs {
  static constexpr std::string_view kName = "gate_up_swiglu";
  using Parts = OpList<LinearArgs, SwiGluArgs>;
  TensorView x;             // [n_tokens, dim]
  WeightView w_gate, w_up;  // [ffn_dim, dim]
  TensorView scratch;       // [n_tokens, ffn_dim], for the composition
  TensorView h;             // [n_tokens, ffn_dim]

  template <class Self, class Visit>
  static void fields(Self& a, Visit&& visit) {
    visit(Use::kRows, a.x), visit(Use::kWhole, a.w_gate), visit(Use::kWhole, a.w_up);
    visit(Use::kScratch, a.scratch), visit(Use::kResult, a.h);
  }
};

OpCost cost(const GateUpSwiGluArgs& a);
void validate(const GateUpSwiGluArgs& a);
GateUpSwiGluArgs example(Tag<GateUpSwiGluArgs>, const OpSizes& s, ExampleAllocator& m);

template <class Run>
void compose(const GateUpSwiGluArgs& a, const Run& run) {
  run(LinearArgs{a.x, a.w_gate, {}, a.scratch});
  run(LinearArgs{a.x, a.w_up, {}, a.h});
  run(SwiGluArgs{a.scratch, a.h, a.h});
}

}  // namespace qwench
