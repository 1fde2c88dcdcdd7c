// kv_store: keys and values into the cache.
#pragma once
#include <string_view>

#include "engine/ops/kv_view.h"
#include "engine/ops/op.h"

namespace qwench {

struct KvStoreArgs {
  static constexpr std::string_view kName = "kv_store";
  using Parts = OpList<>;
  TensorView k, v;              // [n_tokens, n_kv_heads, head_dim]
  TensorView slots, sequences;  // [n_tokens] i32
  KvView cache;                 // cache[sequence, slot] = k, v

  template <class Self, class Visit>
  static void fields(Self& a, Visit&& visit) {
    visit(Use::kRows, a.k), visit(Use::kRows, a.v);
    visit(Use::kRows, a.slots), visit(Use::kRows, a.sequences);
    visit(Use::kStore, a.cache);
  }
};

OpCost cost(const KvStoreArgs& a);
void validate(const KvStoreArgs& a);
KvStoreArgs example(Tag<KvStoreArgs>, const OpSizes& s, ExampleAllocator& m);

}  // namespace qwench
