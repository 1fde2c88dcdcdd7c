// add_rms_norm: x += delta; y = rms_norm(x) * w.
#pragma once
#include <string_view>

#include "engine/ops/add.h"
#include "engine/ops/op.h"
#include "engine/ops/rms_norm.h"

namespace qwench {

struct AddRmsNormArgs {
  static constexpr std::string_view kName = "add_rms_norm";
  using Parts = OpList<AddArgs, RmsNormArgs>;
  TensorView delta;  // [n_tokens, dim] or null
  TensorView x;      // [n_tokens, dim]
  TensorView w;      // [dim]
  float eps = 0;
  TensorView y;  // [n_tokens, dim]

  template <class Self, class Visit>
  static void fields(Self& a, Visit&& visit) {
    visit(Use::kRows, a.delta), visit(Use::kUpdate, a.x), visit(Use::kWhole, a.w);
    visit(Use::kResult, a.y);
  }
};

OpCost cost(const AddRmsNormArgs& a);
void validate(const AddRmsNormArgs& a);
AddRmsNormArgs example(Tag<AddRmsNormArgs>, const OpSizes& s, ExampleAllocator& m);

template <class Run>
void compose(const AddRmsNormArgs& a, const Run& run) {
  if (a.delta) run(AddArgs{a.delta, a.x});
  run(RmsNormArgs{a.x, a.w, a.eps, a.y});
}

}  // namespace qwench
