// logits: y = x @ W^T with the head; a linear of its own name, so that reports show it apart from the layers.
#pragma once
#include <string_view>

#include "engine/ops/linear.h"
#include "engine/ops/op.h"

namespace qwench {

struct LogitsArgs {
  static constexpr std::string_view kName = "logits";
  using Parts = OpList<LinearArgs>;
  TensorView x;  // [n_tokens, dim]
  WeightView w;  // [vocab, dim]
  TensorView y;  // [n_tokens, vocab]

  template <class Self, class Visit>
  static void fields(Self& a, Visit&& visit) {
    visit(Use::kRows, a.x), visit(Use::kWhole, a.w), visit(Use::kResult, a.y);
  }
};

OpCost cost(const LogitsArgs& a);
void validate(const LogitsArgs& a);
LogitsArgs example(Tag<LogitsArgs>, const OpSizes& s, ExampleAllocator& m);

template <class Run>
void compose(const LogitsArgs& a, const Run& run) {
  run(LinearArgs{a.x, a.w, {}, a.y});
}

}  // namespace qwench
