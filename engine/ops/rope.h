// rope: rotary position embedding in place; the pairs are (j, j + head_dim / 2).
#pragma once
#include <string_view>

#include "engine/ops/op.h"

namespace qwench {

struct RopeArgs {
  static constexpr std::string_view kName = "rope";
  using Parts = OpList<>;
  TensorView x;          // [n_tokens, n_heads, head_dim]
  TensorView positions;  // [n_tokens] i32
  TensorView cos, sin;   // [capacity, head_dim / 2]

  template <class Self, class Visit>
  static void fields(Self& a, Visit&& visit) {
    visit(Use::kUpdate, a.x), visit(Use::kRows, a.positions);
    visit(Use::kLookup, a.cos), visit(Use::kLookup, a.sin);
  }
};

OpCost cost(const RopeArgs& a);
void validate(const RopeArgs& a);
RopeArgs example(Tag<RopeArgs>, const OpSizes& s, ExampleAllocator& m);

}  // namespace qwench
