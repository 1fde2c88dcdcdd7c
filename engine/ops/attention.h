// attention: causal grouped-query attention, softmax(scale * q k^T) v over the slots up to a token's own.
#pragma once
#include <string_view>

#include "engine/ops/kv_view.h"
#include "engine/ops/op.h"

namespace qwench {

struct AttentionArgs {
  static constexpr std::string_view kName = "attention";
  using Parts = OpList<>;
  TensorView q;                 // [n_tokens, n_heads, head_dim]
  TensorView slots, sequences;  // [n_tokens] i32
  KvView cache;                 // holds slots 0 to the token's own of each token's sequence
  float scale = 0;
  TensorView out;  // [n_tokens, n_heads, head_dim]
  // For the cost alone, as the host knows them; of a block list what it leaves in:
  int64_t n_scores = 0;   // sum over tokens of slot + 1: products of a query with a key, per head
  int64_t n_keys = 0;     // sum over sequences of the last slot + 1: keys read, per KV head
  BlockList blocks = {};  // null: every block up to the token's own

  template <class Self, class Visit>
  static void fields(Self& a, Visit&& visit) {
    visit(Use::kRows, a.q), visit(Use::kRows, a.slots), visit(Use::kRows, a.sequences);
    visit(Use::kWhole, a.cache), visit(Use::kResult, a.out);
    visit(Use::kRows, a.blocks.rows), visit(Use::kWhole, a.blocks.counts);
    visit(Use::kWhole, a.blocks.blocks), visit(Use::kWhole, a.blocks);
  }
};

OpCost cost(const AttentionArgs& a);
void validate(const AttentionArgs& a);
AttentionArgs example(Tag<AttentionArgs>, const OpSizes& s, ExampleAllocator& m);

}  // namespace qwench
