// attention: causal grouped-query attention, softmax(scale * q k^T) v over positions 0..pos.
#pragma once
#include <string_view>

#include "engine/ops/kv_view.h"
#include "engine/ops/op.h"

namespace qwench {

struct AttentionArgs {
  static constexpr std::string_view kName = "attention";
  using Parts = OpList<>;
  TensorView q;                     // [n_tokens, n_heads, head_dim]
  TensorView positions, sequences;  // [n_tokens] i32
  KvView cache;                     // holds positions 0..pos of each token's sequence
  float scale = 0;
  TensorView out;  // [n_tokens, n_heads, head_dim]
  // For the cost alone, as the host knows them:
  int64_t n_scores = 0;  // sum over tokens of pos + 1: products of a query with a key, per head
  int64_t n_keys = 0;    // sum over sequences of the last pos + 1: keys that are read, per KV head

  template <class Self, class Visit>
  static void fields(Self& a, Visit&& visit) {
    visit(Use::kRows, a.q), visit(Use::kRows, a.positions), visit(Use::kRows, a.sequences);
    visit(Use::kWhole, a.cache), visit(Use::kResult, a.out);
  }
};

OpCost cost(const AttentionArgs& a);
void validate(const AttentionArgs& a);
AttentionArgs example(Tag<AttentionArgs>, const OpSizes& s, ExampleAllocator& m);

}  // namespace qwench
