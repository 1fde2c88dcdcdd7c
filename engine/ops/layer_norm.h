// layer_norm: y = (x - mean) / sqrt(variance + eps) * w (+ bias), of every row.
#pragma once
#include <string_view>

#include "engine/ops/op.h"

namespace qwench {

struct LayerNormArgs {
  static constexpr std::string_view kName = "layer_norm";
  using Parts = OpList<>;
  TensorView x;     // [n_tokens, dim]
  TensorView w;     // [dim]
  TensorView bias;  // [dim] or null
  float eps = 0;
  TensorView y;  // [n_tokens, dim]

  template <class Self, class Visit>
  static void fields(Self& a, Visit&& visit) {
    visit(Use::kRows, a.x), visit(Use::kWhole, a.w), visit(Use::kWhole, a.bias);
    visit(Use::kResult, a.y);
  }
};

OpCost cost(const LayerNormArgs& a);
void validate(const LayerNormArgs& a);
LayerNormArgs example(Tag<LayerNormArgs>, const OpSizes& s, ExampleAllocator& m);

}  // namespace qwench
