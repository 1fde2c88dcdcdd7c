// embed: the rows of the embedding that the tokens name.
#pragma once
#include <string_view>

#include "engine/ops/op.h"

namespace qwench {

struct EmbedArgs {
  static constexpr std::string_view kName = "embed";
  using Parts = OpList<>;
  TensorView tokens;  // [n_tokens] i32, each in [0, vocab)
  WeightView w;       // [vocab, dim]
  TensorView x;       // [n_tokens, dim]: x[t] = w[tokens[t]]

  template <class Self, class Visit>
  static void fields(Self& a, Visit&& visit) {
    visit(Use::kRows, a.tokens), visit(Use::kLookup, a.w), visit(Use::kResult, a.x);
  }
};

OpCost cost(const EmbedArgs& a);
void validate(const EmbedArgs& a);
EmbedArgs example(Tag<EmbedArgs>, const OpSizes& s, ExampleAllocator& m);

}  // namespace qwench
