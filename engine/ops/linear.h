// linear: y = x @ W^T (+ bias), or y += x @ W^T (+ bias).
#pragma once
#include <string_view>

#include "engine/ops/op.h"

namespace qwench {

struct LinearArgs {
  static constexpr std::string_view kName = "linear";
  using Parts = OpList<>;
  TensorView x;      // [n_tokens, in]
  WeightView w;      // [out, in]
  TensorView bias;   // [out] or null
  TensorView y;      // [n_tokens, out]
  bool add = false;  // y is the residual stream, which takes up the product

  template <class Self, class Visit>
  static void fields(Self& a, Visit&& visit) {
    visit(Use::kRows, a.x), visit(Use::kWhole, a.w), visit(Use::kWhole, a.bias);
    visit(a.add ? Use::kUpdate : Use::kResult, a.y);
  }
};

OpCost cost(const LinearArgs& a);
void validate(const LinearArgs& a);
LinearArgs example(Tag<LinearArgs>, const OpSizes& s, ExampleAllocator& m);

}  // namespace qwench
