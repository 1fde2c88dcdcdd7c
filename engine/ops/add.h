// add: x += delta.
#pragma once
#include <string_view>

#include "engine/ops/op.h"

namespace qwench {

struct AddArgs {
  static constexpr std::string_view kName = "add";
  using Parts = OpList<>;
  TensorView delta;  // [n_tokens, dim]
  TensorView x;      // [n_tokens, dim]

  template <class Self, class Visit>
  static void fields(Self& a, Visit&& visit) {
    visit(Use::kRows, a.delta), visit(Use::kUpdate, a.x);
  }
};

OpCost cost(const AddArgs& a);
void validate(const AddArgs& a);
AddArgs example(Tag<AddArgs>, const OpSizes& s, ExampleAllocator& m);

}  // namespace qwench
