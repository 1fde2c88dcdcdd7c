// rope: rotary position embedding in place; the pairs are (j, j + head_dim / 2).
#pragma once
#include <string_view>

#include "engine/ops/op.h"

namespace qwench {

/// By which angles the heads of a token turn: pair j by row positions[t, axes[j]] of the token's table.
struct Rotation {
  TensorView positions;  // [n_tokens, 1 to 3 axes] i32
  TensorView axes;       // [head_dim / 2] i32: the axis of every pair; null where there is one axis
  TensorView cos, sin;   // [capacity, head_dim / 2], or [n_tables, capacity, head_dim / 2]
  TensorView tables;     // [n_tokens] i32: the table of a token's sequence; null where there is one

  template <class Self, class Visit>
  static void fields(Self& r, Visit&& visit) {
    visit(Use::kRows, r.positions), visit(Use::kWhole, r.axes);
    visit(Use::kLookup, r.cos), visit(Use::kLookup, r.sin), visit(Use::kRows, r.tables);
    visit(Use::kLookup, r);
  }
};

struct RopeArgs {
  static constexpr std::string_view kName = "rope";
  using Parts = OpList<>;
  TensorView x;  // [n_tokens, n_heads, head_dim]
  Rotation rotation;

  template <class Self, class Visit>
  static void fields(Self& a, Visit&& visit) {
    visit(Use::kUpdate, a.x);
    Rotation::fields(a.rotation, visit);
  }
};

OpCost cost(const RopeArgs& a);
void validate(const RopeArgs& a);
RopeArgs example(Tag<RopeArgs>, const OpSizes& s, ExampleAllocator& m);

}  // namespace qwench
