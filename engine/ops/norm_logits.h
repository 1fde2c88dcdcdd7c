// norm_logits: y = rms_norm(x) @ W^T with the head.
#pragma once
#include <string_view>

#include "engine/ops/linear.h"
#include "engine/ops/op.h"
#include "engine/ops/rms_norm.h"

namespace qwench {

struct NormLogitsArgs {
  static constexpr std::string_view kName = "norm_logits";
  using Parts = OpList<RmsNormArgs, LinearArgs>;
  TensorView x;     // [n_tokens, dim]
  TensorView norm;  // [dim]
  float eps = 0;
  WeightView w;       // [vocab, dim]
  TensorView normed;  // [n_tokens, dim], scratch
  TensorView y;       // [n_tokens, vocab]

  template <class Self, class Visit>
  static void fields(Self& a, Visit&& visit) {
    visit(Use::kRows, a.x), visit(Use::kWhole, a.norm), visit(Use::kWhole, a.w);
    visit(Use::kScratch, a.normed), visit(Use::kResult, a.y);
  }
};

OpCost cost(const NormLogitsArgs& a);
void validate(const NormLogitsArgs& a);
NormLogitsArgs example(Tag<NormLogitsArgs>, const OpSizes& s, ExampleAllocator& m);

template <class Run>
void compose(const NormLogitsArgs& a, const Run& run) {
  run(RmsNormArgs{a.x, a.norm, a.eps, a.normed});
  run(LinearArgs{a.normed, a.w, {}, a.y});
}

}  // namespace qwench
