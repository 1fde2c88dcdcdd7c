// swiglu: h = silu(gate) * up.
#pragma once
#include <string_view>

#include "engine/ops/op.h"

namespace qwench {

struct SwiGluArgs {
  static constexpr std::string_view kName = "swiglu";
  using Parts = OpList<>;
  TensorView gate, up;  // [n_tokens, ffn_dim]
  TensorView h;         // [n_tokens, ffn_dim], may be `up`

  template <class Self, class Visit>
  static void fields(Self& a, Visit&& visit) {
    visit(Use::kRows, a.gate), visit(Use::kRows, a.up), visit(Use::kResult, a.h);
  }
};

OpCost cost(const SwiGluArgs& a);
void validate(const SwiGluArgs& a);
SwiGluArgs example(Tag<SwiGluArgs>, const OpSizes& s, ExampleAllocator& m);

}  // namespace qwench
