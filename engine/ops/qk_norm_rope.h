// qk_norm_rope: per-head norm (where weights are given), RoPE on q and k, then k and v into the cache.
#pragma once
#include <string_view>

#include "engine/ops/head_norm.h"
#include "engine/ops/kv_store.h"
#include "engine/ops/op.h"
#include "engine/ops/rope.h"

namespace qwench {

struct QkNormRopeArgs {
  static constexpr std::string_view kName = "qk_norm_rope";
  using Parts = OpList<HeadNormArgs, RopeArgs, KvStoreArgs>;
  TensorView q;               // [n_tokens, n_heads, head_dim]
  TensorView k, v;            // [n_tokens, n_kv_heads, head_dim]
  TensorView q_norm, k_norm;  // [head_dim], or both null
  float eps = 0;
  Rotation rotation;
  TensorView slots, sequences;  // [n_tokens] i32
  KvView cache;

  template <class Self, class Visit>
  static void fields(Self& a, Visit&& visit) {
    visit(Use::kUpdate, a.q), visit(Use::kConsumed, a.k), visit(Use::kRows, a.v);
    visit(Use::kWhole, a.q_norm), visit(Use::kWhole, a.k_norm);
    Rotation::fields(a.rotation, visit);
    visit(Use::kRows, a.slots), visit(Use::kRows, a.sequences);
    visit(Use::kStore, a.cache);
  }
};

OpCost cost(const QkNormRopeArgs& a);
void validate(const QkNormRopeArgs& a);
QkNormRopeArgs example(Tag<QkNormRopeArgs>, const OpSizes& s, ExampleAllocator& m);

template <class Run>
void compose(const QkNormRopeArgs& a, const Run& run) {
  if (a.q_norm) run(HeadNormArgs{a.q, a.q_norm, a.eps});
  if (a.k_norm) run(HeadNormArgs{a.k, a.k_norm, a.eps});
  run(RopeArgs{a.q, a.rotation});
  run(RopeArgs{a.k, a.rotation});
  run(KvStoreArgs{a.k, a.v, a.slots, a.sequences, a.cache});
}

}  // namespace qwench
