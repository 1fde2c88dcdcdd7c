// head_norm: the RMS norm of every head, in place: x = x / sqrt(mean(x^2) + eps) * w.
#pragma once
#include <string_view>

#include "engine/ops/op.h"

namespace qwench {

struct HeadNormArgs {
  static constexpr std::string_view kName = "head_norm";
  using Parts = OpList<>;
  TensorView x;  // [n_tokens, n_heads, head_dim]
  TensorView w;  // [head_dim]
  float eps = 0;

  template <class Self, class Visit>
  static void fields(Self& a, Visit&& visit) {
    visit(Use::kUpdate, a.x), visit(Use::kWhole, a.w);
  }
};

OpCost cost(const HeadNormArgs& a);
void validate(const HeadNormArgs& a);
HeadNormArgs example(Tag<HeadNormArgs>, const OpSizes& s, ExampleAllocator& m);

}  // namespace qwench
