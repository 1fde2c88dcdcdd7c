// The forward pass of Qwen2, Qwen2.5 and Qwen3 dense models (qwen2: biases on q, k, v; qwen3:
// per-head norms on q and k). Source of the math: transformers modeling_qwen2.py,
// modeling_qwen3.py.
#include "engine/model/transformer.h"

#include <cmath>

namespace qwench {

/// The first n_tokens rows of the activations, under the names of the paper.
struct Transformer::Rows {
  TensorView slots, sequences;  // [n_tokens]
  Rotation rotation;
  TensorView x, normed;   // [n_tokens, dim]
  TensorView q, context;  // [n_tokens, q_dim]
  TensorView k, v;        // [n_tokens, kv_dim]
  TensorView gate, h;     // [n_tokens, ffn_dim]

  Rows(const Activations& act, const RopeTable& rope, int64_t n)
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

static TensorView as_heads(const TensorView& t, int64_t head_dim) {
  return {t.data, t.dtype, {t.rows(), t.cols() / head_dim, head_dim}};
}

void Transformer::embed(const TensorView& tokens, const TensorView& x) const {
  backend_.run(EmbedArgs{tokens, weights_.embedding.view, x});
}

/// x += Wo attention(rms_norm(x))
void Transformer::attention_block(const Pass& pass, const Rows& s, int64_t layer) const {
  const ModelConfig& c = config_;
  const LayerWeights& w = weights_.layers[size_t(layer)];
  const float eps = float(c.norm_eps), scale = 1.0f / std::sqrt(float(c.head_dim));
  const TensorView q = as_heads(s.q, c.head_dim), context = as_heads(s.context, c.head_dim);
  const TensorView k = as_heads(s.k, c.head_dim), v = as_heads(s.v, c.head_dim);
  const KvView cache = pass.pool.view(layer, pass.page_table);
  backend_.run(NormQkvArgs{s.x, w.attn_norm.view, eps, w.wq.view, w.wk.view, w.wv.view,
                           w.bias_q.view, w.bias_k.view, w.bias_v.view, s.normed, s.q, s.k, s.v});
  backend_.run(QkNormRopeArgs{q, k, v, w.q_norm.view, w.k_norm.view, eps, s.rotation, s.slots,
                              s.sequences, cache});
  backend_.run(
      AttentionArgs{q, s.slots, s.sequences, cache, scale, context, pass.n_scores, pass.n_keys});
  backend_.run(LinearArgs{s.context, w.wo.view, {}, s.x, /*add=*/true});
}

/// x += Wdown (silu(Wgate rms_norm(x)) * Wup rms_norm(x))
void Transformer::ffn_block(const Rows& s, const LayerWeights& w) const {
  backend_.run(NormGateUpArgs{s.x, w.ffn_norm.view, float(config_.norm_eps), w.w_gate.view,
                              w.w_up.view, s.normed, s.gate, s.h});
  backend_.run(LinearArgs{s.h, w.w_down.view, {}, s.x, /*add=*/true});
}

void Transformer::layers(const Pass& pass, int64_t first, int64_t last) const {
  const Rows rows(pass.act, pass.rope, pass.n_tokens);
  for (int64_t i = first; i < last; ++i) {
    backend_.set_layer(int(i));
    attention_block(pass, rows, i);
    ffn_block(rows, weights_.layers[size_t(i)]);
    if (!pass.hooks) continue;
    backend_.wait();
    for (const LayerHook& hook : *pass.hooks) hook(backend_, {i, rows.x, rows.slots});
  }
  backend_.set_layer(-1);
}

void Transformer::head(const TensorView& x, const TensorView& normed,
                       const TensorView& logits) const {
  backend_.run(NormLogitsArgs{x, weights_.final_norm.view, float(config_.norm_eps),
                              weights_.head_view(config_.tied_embeddings), normed, logits});
}

}  // namespace qwench
