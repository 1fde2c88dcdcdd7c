// norm_qkv: q, k, v = rms_norm(x) @ W^T (+ bias): the first call of a layer.
#pragma once
#include <string_view>

#include "engine/ops/linear.h"
#include "engine/ops/op.h"
#include "engine/ops/rms_norm.h"

namespace qwench {

struct NormQkvArgs {
  static constexpr std::string_view kName = "norm_qkv";
  using Parts = OpList<RmsNormArgs, LinearArgs>;
  TensorView x;     // [n_tokens, dim]
  TensorView norm;  // [dim]
  float eps = 0;
  WeightView wq, wk, wv;              // [q_dim | kv_dim, dim]
  TensorView bias_q, bias_k, bias_v;  // [q_dim | kv_dim] or null
  TensorView normed;                  // [n_tokens, dim], scratch
  TensorView q, k, v;                 // [n_tokens, q_dim | kv_dim]

  template <class Self, class Visit>
  static void fields(Self& a, Visit&& visit) {
    visit(Use::kRows, a.x), visit(Use::kWhole, a.norm);
    visit(Use::kWhole, a.wq), visit(Use::kWhole, a.wk), visit(Use::kWhole, a.wv);
    visit(Use::kWhole, a.bias_q), visit(Use::kWhole, a.bias_k), visit(Use::kWhole, a.bias_v);
    visit(Use::kScratch, a.normed);
    visit(Use::kResult, a.q), visit(Use::kResult, a.k), visit(Use::kResult, a.v);
  }
};

OpCost cost(const NormQkvArgs& a);
void validate(const NormQkvArgs& a);
NormQkvArgs example(Tag<NormQkvArgs>, const OpSizes& s, ExampleAllocator& m);

template <class Run>
void compose(const NormQkvArgs& a, const Run& run) {
  run(RmsNormArgs{a.x, a.norm, a.eps, a.normed});
  run(LinearArgs{a.normed, a.wq, a.bias_q, a.q});
  run(LinearArgs{a.normed, a.wk, a.bias_k, a.k});
  run(LinearArgs{a.normed, a.wv, a.bias_v, a.v});
}

}  // namespace qwench
