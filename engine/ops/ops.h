// The list of all ops. Their ids, names and numbering, the kernel tables of backends, the table of plug-ins
// and the loops of tests follow from it; its order is that of profiles and reports.
#pragma once
#include <array>
#include <string_view>

#include "engine/ops/argmax.h"
#include "engine/ops/attention.h"
#include "engine/ops/embed.h"
#include "engine/ops/gelu.h"
#include "engine/ops/head_norm.h"
#include "engine/ops/kv_store.h"
#include "engine/ops/layer_norm.h"
#include "engine/ops/linear.h"
#include "engine/ops/norm_gate_up.h"
#include "engine/ops/norm_logits.h"
#include "engine/ops/norm_qkv.h"
#include "engine/ops/qk_norm_rope.h"
#include "engine/ops/rms_norm.h"
#include "engine/ops/rope.h"
#include "engine/ops/swiglu.h"

namespace qwench {

using Ops = OpList<EmbedArgs, NormQkvArgs, QkNormRopeArgs, AttentionArgs, LinearArgs,
                   NormGateUpArgs, NormLogitsArgs, ArgmaxArgs,
                   // parts
                   RmsNormArgs, HeadNormArgs, RopeArgs, KvStoreArgs, SwiGluArgs,
                   // of vision towers
                   LayerNormArgs, GeluArgs>;

constexpr size_t kNumOps = Ops::size;

/// Place of an op in the list.
enum class OpId : uint8_t {};

template <class Args>
constexpr OpId id_of() {
  static_assert(Ops::place<Args>() < kNumOps, "not in the list of ops");
  return OpId(Ops::place<Args>());
}

template <class... Args>
struct OpNames {
  static constexpr std::array<std::string_view, sizeof...(Args)> value = {Args::type::kName...};
};
constexpr std::array<std::string_view, kNumOps> kOpNames = Ops::Apply<OpNames, Tag>::value;
constexpr std::string_view name_of(OpId id) { return kOpNames[size_t(id)]; }

/// Calls f(Tag<Args>{}) for every op, in the order of the list.
template <class F>
void for_each_op(F&& f) {
  Ops::for_each(f);
}

/// Calls f(Tag<Args>{}) for the op of that id.
template <class F>
void with_op(OpId id, F&& f) {
  for_each_op([&](auto tag) {
    if (id_of<typename decltype(tag)::type>() == id) f(tag);
  });
}

}  // namespace qwench
