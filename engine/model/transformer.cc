// The forward pass of Qwen2, Qwen2.5 and Qwen3 dense models (qwen2: biases on q, k, v; qwen3:
// per-head norms on q and k). Source of the math: transformers modeling_qwen2.py,
// modeling_qwen3.py.
#include "engine/model/transformer.h"

#include <cmath>

namespace qwench {

namespace {

/// The first n_tokens rows of the activations, under the names of the paper.
struct Step {
  TensorView positions, sequences;  // [n_tokens]
  TensorView x, normed, delta;      // [n_tokens, dim]
  TensorView q, context;            // [n_tokens, q_dim]
  TensorView k, v;                  // [n_tokens, kv_dim]
  TensorView up, h;                 // [n_tokens, ffn_dim]

  Step(const Activations& act, int64_t n)
      : positions{act.positions.data, DType::kI32, {n}},
        sequences{act.sequences.data, DType::kI32, {n}},
        x(act.x.slice(0, n)),
        normed(act.normed.slice(0, n)),
        delta(act.delta.slice(0, n)),
        q(act.q.slice(0, n)),
        context(act.context.slice(0, n)),
        k(act.k.slice(0, n)),
        v(act.v.slice(0, n)),
        up(act.up.slice(0, n)),
        h(act.h.slice(0, n)) {}
};

TensorView as_heads(const TensorView& t, int64_t head_dim) {
  return {t.data, t.dtype, {t.rows(), t.cols() / head_dim, head_dim}};
}

/// delta = Wo attention(norm(x)), where x first takes up the delta of the block before.
void attention_block(Backend& backend, const ForwardArgs& a, const LayerWeights& w,
                     const KvView& cache, const TensorView& delta, const Step& s) {
  const ModelConfig& c = a.config;
  const float eps = float(c.norm_eps);
  const TensorView q = as_heads(s.q, c.head_dim), context = as_heads(s.context, c.head_dim);
  const TensorView k = as_heads(s.k, c.head_dim), v = as_heads(s.v, c.head_dim);
  backend.run(AddRmsNormArgs{delta, s.x, w.attn_norm.view, eps, s.normed});
  backend.run(QkvLinearArgs{s.normed, w.wq.view, w.wk.view, w.wv.view, w.bias_q.view, w.bias_k.view,
                            w.bias_v.view, s.q, s.k, s.v});
  backend.run(QkNormRopeArgs{q, k, v, w.q_norm.view, w.k_norm.view, eps, s.positions, s.sequences,
                             a.rope.cos, a.rope.sin, cache});
  const float scale = 1.0f / std::sqrt(float(c.head_dim));
  backend.run(
      AttentionArgs{q, s.positions, s.sequences, cache, scale, context, a.n_scores, a.n_keys});
  backend.run(LinearArgs{s.context, w.wo.view, {}, s.delta});
}

/// delta = Wdown (silu(Wgate norm(x)) * Wup norm(x)), where x first takes up the attention's delta.
void ffn_block(Backend& backend, const ForwardArgs& a, const LayerWeights& w, const Step& s) {
  const float eps = float(a.config.norm_eps);
  backend.run(AddRmsNormArgs{s.delta, s.x, w.ffn_norm.view, eps, s.normed});
  backend.run(GateUpSwiGluArgs{s.normed, w.w_gate.view, w.w_up.view, s.up, s.h});
  backend.run(LinearArgs{s.h, w.w_down.view, {}, s.delta});
}

}  // namespace

void forward(Backend& backend, const ForwardArgs& a) {
  const Step s(a.act, a.n_tokens);
  const TensorView tokens{a.act.tokens.data, DType::kI32, {a.n_tokens}};
  backend.run(EmbedArgs{tokens, a.weights.embedding.view, s.x});
  for (int64_t i = 0; i < a.config.n_layers; ++i) {
    backend.set_layer(int(i));
    const LayerWeights& w = a.weights.layers[size_t(i)];
    attention_block(backend, a, w, a.cache.view(i), i ? s.delta : TensorView{}, s);
    ffn_block(backend, a, w, s);
    if (!a.layer_hooks) continue;
    for (const LayerHook& hook : *a.layer_hooks) hook(backend, {i, s.x, s.delta, s.positions});
  }
  backend.set_layer(-1);
  const int64_t n_logits = a.n_tokens - a.first_logit;
  if (n_logits == 0) return;
  const TensorView last_x = s.x.slice(a.first_logit, n_logits);
  const TensorView last_normed = s.normed.slice(a.first_logit, n_logits);
  backend.run(AddRmsNormArgs{s.delta.slice(a.first_logit, n_logits), last_x,
                             a.weights.final_norm.view, float(a.config.norm_eps), last_normed});
  backend.run(LogitsArgs{last_normed, a.weights.head_view(a.config.tied_embeddings),
                         a.act.logits.slice(0, n_logits)});
}

}  // namespace qwench
