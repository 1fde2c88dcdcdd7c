// rms_norm: y = x / sqrt(mean(x^2) + eps) * w.
#pragma once
#include <string_view>

#include "engine/ops/op.h"

namespace qwench {

struct RmsNormArgs {
  static constexpr std::string_view kName = "rms_norm";
  using Parts = OpList<>;
  TensorView x;  // [n_tokens, dim]
  TensorView w;  // [dim]
  float eps = 0;
  TensorView y;  // [n_tokens, dim]

  template <class Self, class Visit>
  static void fields(Self& a, Visit&& visit) {
    visit(Use::kRows, a.x), visit(Use::kWhole, a.w), visit(Use::kResult, a.y);
  }
};

OpCost cost(const RmsNormArgs& a);
void validate(const RmsNormArgs& a);
RmsNormArgs example(Tag<RmsNormArgs>, const OpSizes& s, ExampleAllocator& m);

}  // namespace qwench
