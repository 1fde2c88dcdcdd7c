// gelu: y = x * Phi(x), with the normal distribution itself or its tanh approximation.
#pragma once
#include <string_view>

#include "engine/ops/op.h"

namespace qwench {

struct GeluArgs {
  static constexpr std::string_view kName = "gelu";
  using Parts = OpList<>;
  TensorView x;       // [n_tokens, width]
  TensorView y;       // [n_tokens, width], may be `x`
  bool tanh = false;  // 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), "gelu_pytorch_tanh"

  template <class Self, class Visit>
  static void fields(Self& a, Visit&& visit) {
    visit(Use::kRows, a.x), visit(Use::kResult, a.y);
  }
};

OpCost cost(const GeluArgs& a);
void validate(const GeluArgs& a);
GeluArgs example(Tag<GeluArgs>, const OpSizes& s, ExampleAllocator& m);

}  // namespace qwench
