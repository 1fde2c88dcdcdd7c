// argmax: the first index of the largest logit, and how many of a token's logits are no numbers.
#pragma once
#include <string_view>

#include "engine/ops/op.h"

namespace qwench {

struct ArgmaxArgs {
  static constexpr std::string_view kName = "argmax";
  using Parts = OpList<>;
  TensorView logits;     // [n_tokens, vocab]
  TensorView ids;        // [n_tokens] i32; of no meaning where a logit is NaN or Inf
  TensorView nonfinite;  // [n_tokens] i32: how many are, of all of the row
  int64_t limit = 0;  // only ids below this one (padding rows of the vocabulary are never emitted)

  template <class Self, class Visit>
  static void fields(Self& a, Visit&& visit) {
    visit(Use::kRows, a.logits), visit(Use::kResult, a.ids), visit(Use::kResult, a.nonfinite);
  }
};

OpCost cost(const ArgmaxArgs& a);
void validate(const ArgmaxArgs& a);
ArgmaxArgs example(Tag<ArgmaxArgs>, const OpSizes& s, ExampleAllocator& m);

}  // namespace qwench
