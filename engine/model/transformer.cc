// The forward pass of Qwen2, Qwen2.5 and Qwen3 dense models (qwen2: biases on q, k, v; qwen3:
// per-head norms on q and k). Source of the math: transformers modeling_qwen2.py,
// modeling_qwen3.py.
#include "engine/model/transformer.h"

#include <cmath>

namespace qwench {

namespace {

/// The first n_tokens rows of the activations, under the names of the paper.
struct Step {
  TensorView slots, sequences;  // [n_tokens]
  Rotation rotation;
  TensorView x, normed;   // [n_tokens, dim]
  TensorView q, context;  // [n_tokens, q_dim]
  TensorView k, v;        // [n_tokens, kv_dim]
  TensorView gate, h;     // [n_tokens, ffn_dim]

  Step(const Activations& act, const RopeTable& rope, int64_t n)
      : slots{act.slots.data, DType::kI32, {n}},
        sequences{act.sequences.data, DType::kI32, {n}},
        rotation{{act.positions.data, DType::kI32, {n, 1}}, {}, rope.cos, rope.sin, {}},
        x(act.x.slice(0, n)),
        normed(act.normed.slice(0, n)),
        q(act.q.slice(0, n)),
        context(act.context.slice(0, n)),
        k(act.k.slice(0, n)),
        v(act.v.slice(0, n)),
        gate(act.gate.slice(0, n)),
        h(act.h.slice(0, n)) {}
};

TensorView as_heads(const TensorView& t, int64_t head_dim) {
  return {t.data, t.dtype, {t.rows(), t.cols() / head_dim, head_dim}};
}

/// x += Wo attention(rms_norm(x))
void attention_block(Backend& backend, const ForwardArgs& a, const LayerWeights& w,
                     const KvView& cache, const Step& s) {
  const ModelConfig& c = a.config;
  const float eps = float(c.norm_eps), scale = 1.0f / std::sqrt(float(c.head_dim));
  const TensorView q = as_heads(s.q, c.head_dim), context = as_heads(s.context, c.head_dim);
  const TensorView k = as_heads(s.k, c.head_dim), v = as_heads(s.v, c.head_dim);
  backend.run(NormQkvArgs{s.x, w.attn_norm.view, eps, w.wq.view, w.wk.view, w.wv.view,
                          w.bias_q.view, w.bias_k.view, w.bias_v.view, s.normed, s.q, s.k, s.v});
  backend.run(QkNormRopeArgs{q, k, v, w.q_norm.view, w.k_norm.view, eps, s.rotation, s.slots,
                             s.sequences, cache});
  backend.run(AttentionArgs{q, s.slots, s.sequences, cache, scale, context, a.n_scores, a.n_keys});
  backend.run(LinearArgs{s.context, w.wo.view, {}, s.x, /*add=*/true});
}

/// x += Wdown (silu(Wgate rms_norm(x)) * Wup rms_norm(x))
void ffn_block(Backend& backend, const ForwardArgs& a, const LayerWeights& w, const Step& s) {
  backend.run(NormGateUpArgs{s.x, w.ffn_norm.view, float(a.config.norm_eps), w.w_gate.view,
                             w.w_up.view, s.normed, s.gate, s.h});
  backend.run(LinearArgs{s.h, w.w_down.view, {}, s.x, /*add=*/true});
}

}  // namespace

void forward(Backend& backend, const ForwardArgs& a) {
  const Step s(a.act, a.rope, a.n_tokens);
  const TensorView tokens{a.act.tokens.data, DType::kI32, {a.n_tokens}};
  backend.run(EmbedArgs{tokens, a.weights.embedding.view, s.x});
  for (int64_t i = 0; i < a.config.n_layers; ++i) {
    backend.set_layer(int(i));
    const LayerWeights& w = a.weights.layers[size_t(i)];
    attention_block(backend, a, w, a.cache.view(i), s);
    ffn_block(backend, a, w, s);
    if (!a.layer_hooks) continue;
    for (const LayerHook& hook : *a.layer_hooks) hook(backend, {i, s.x, s.slots});
  }
  backend.set_layer(-1);
  const int64_t n_logits = a.n_tokens - a.first_logit;
  if (n_logits == 0) return;
  backend.run(
      NormLogitsArgs{s.x.slice(a.first_logit, n_logits), a.weights.final_norm.view,
                     float(a.config.norm_eps), a.weights.head_view(a.config.tied_embeddings),
                     s.normed.slice(a.first_logit, n_logits), a.act.logits.slice(0, n_logits)});
}

}  // namespace qwench
