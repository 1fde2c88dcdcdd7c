// qkv_linear: q, k, v = x @ W^T (+ bias).
#pragma once
#include <string_view>

#include "engine/ops/linear.h"
#include "engine/ops/op.h"

namespace qwench {

struct QkvLinearArgs {
  static constexpr std::string_view kName = "qkv_linear";
  using Parts = OpList<LinearArgs>;
  TensorView x;                       // [n_tokens, dim]
  WeightView wq, wk, wv;              // [q_dim | kv_dim, dim]
  TensorView bias_q, bias_k, bias_v;  // [q_dim | kv_dim] or null
  TensorView q, k, v;                 // [n_tokens, q_dim | kv_dim]

  template <class Self, class Visit>
  static void fields(Self& a, Visit&& visit) {
    visit(Use::kRows, a.x);
    visit(Use::kWhole, a.wq), visit(Use::kWhole, a.wk), visit(Use::kWhole, a.wv);
    visit(Use::kWhole, a.bias_q), visit(Use::kWhole, a.bias_k), visit(Use::kWhole, a.bias_v);
    visit(Use::kResult, a.q), visit(Use::kResult, a.k), visit(Use::kResult, a.v);
  }
};

OpCost cost(const QkvLinearArgs& a);
void validate(const QkvLinearArgs& a);
QkvLinearArgs example(Tag<QkvLinearArgs>, const OpSizes& s, ExampleAllocator& m);

template <class Run>
void compose(const QkvLinearArgs& a, const Run& run) {
  run(LinearArgs{a.x, a.wq, a.bias_q, a.q});
  run(LinearArgs{a.x, a.wk, a.bias_k, a.k});
  run(LinearArgs{a.x, a.wv, a.bias_v, a.v});
}

}  // namespace qwench
