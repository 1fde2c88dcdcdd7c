// norm_gate_up: h = silu(rms_norm(x) @ Wg^T) * (rms_norm(x) @ Wu^T).
#pragma once
#include <string_view>

#include "engine/ops/linear.h"
#include "engine/ops/op.h"
#include "engine/ops/rms_norm.h"
#include "engine/ops/swiglu.h"

namespace qwench {

struct NormGateUpArgs {
  static constexpr std::string_view kName = "norm_gate_up";
  using Parts = OpList<RmsNormArgs, LinearArgs, SwiGluArgs>;
  TensorView x;     // [n_tokens, dim]
  TensorView norm;  // [dim]
  float eps = 0;
  WeightView w_gate, w_up;  // [ffn_dim, dim]
  TensorView normed;        // [n_tokens, dim], scratch
  TensorView gate;          // [n_tokens, ffn_dim], scratch
  TensorView h;             // [n_tokens, ffn_dim]

  template <class Self, class Visit>
  static void fields(Self& a, Visit&& visit) {
    visit(Use::kRows, a.x), visit(Use::kWhole, a.norm);
    visit(Use::kWhole, a.w_gate), visit(Use::kWhole, a.w_up);
    visit(Use::kScratch, a.normed), visit(Use::kScratch, a.gate);
    visit(Use::kResult, a.h);
  }
};

OpCost cost(const NormGateUpArgs& a);
void validate(const NormGateUpArgs& a);
NormGateUpArgs example(Tag<NormGateUpArgs>, const OpSizes& s, ExampleAllocator& m);

template <class Run>
void compose(const NormGateUpArgs& a, const Run& run) {
  run(RmsNormArgs{a.x, a.norm, a.eps, a.normed});
  run(LinearArgs{a.normed, a.w_gate, {}, a.gate});
  run(LinearArgs{a.normed, a.w_up, {}, a.h});
  run(SwiGluArgs{a.gate, a.h, a.h});
}

}  // namespace qwench
