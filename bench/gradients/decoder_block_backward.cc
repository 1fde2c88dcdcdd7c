// The backward pass, last op first. The gradient along a residual starts as a copy of the one
// behind it; the branch then adds its own.
#include "bench/gradients/block_halves.h"

namespace qwench::bench {

namespace {

/// What every step of one backward pass shares.
template <class T>
struct Pass {
  const BlockArgs<T>& args;
  BlockWeights<T>& grad;
  ActivationMemory& memory;

  const ModelConfig& config() const { return args.config; }
  Activation<T> zeros(int64_t cols) const { return Activation<T>(memory, args.n_tokens() * cols); }
  /// Of y[n_tokens, out] = x[n_tokens, in] W^T + bias; adds to grad_x.
  void linear_by(Role w, Role bias, const T* grad_y, const T* x, T* grad_x) const {
    const Shape shape = shape_of(w, config());
    linear_backward({args.n_tokens(), shape[0], shape[1]}, grad_y, x, args.weights[w],
                    LinearGradients<T>{grad_x, grad[w], bias == w ? nullptr : grad[bias]});
  }
  void linear_by(Role w, const T* grad_y, const T* x, T* grad_x) const {
    linear_by(w, w, grad_y, x, grad_x);
  }
  /// Of the norm of x[n_tokens, dim]; adds to grad_x.
  void norm_by(Role w, const T* grad_y, const T* x, const T* inverse_rms, T* grad_x) const {
    rms_norm_backward({args.n_tokens(), config().dim, config().norm_eps}, grad_y,
                      RmsNormSaved<T>{x, args.weights[w], inverse_rms}, grad_x, grad[w]);
  }
};

/// Adds the FFN branch's part to grad_mid[n_tokens, dim].
template <class T>
void ffn_backward(const Pass<T>& pass, const FfnTape<T>& t, const T* mid, const T* grad_output,
                  T* grad_mid) {
  const int64_t ffn_dim = pass.config().ffn_dim;
  Activation<T> grad_gate = pass.zeros(ffn_dim), grad_up = pass.zeros(ffn_dim);
  {
    Activation<T> grad_h = pass.zeros(ffn_dim);
    pass.linear_by(Role::kWDown, grad_output, t.h.data(), grad_h.data());
    swiglu_backward(pass.args.n_tokens() * ffn_dim, grad_h.data(), t.gate.data(), t.up.data(),
                    SwigluGradients<T>{grad_gate.data(), grad_up.data()});
  }
  Activation<T> grad_normed = pass.zeros(pass.config().dim);
  pass.linear_by(Role::kWGate, grad_gate.data(), t.normed.data(), grad_normed.data());
  pass.linear_by(Role::kWUp, grad_up.data(), t.normed.data(), grad_normed.data());
  pass.norm_by(Role::kFfnNorm, grad_normed.data(), mid, t.inverse_rms.data(), grad_mid);
}

/// q or k: where its per-head norm is, and what that read.
template <class T>
struct Heads {
  Role norm;
  int64_t n_heads;
  const Activation<T>&linear, &inverse;
};

/// From the gradient behind RoPE to the one behind the linear, in `grad`.
template <class T>
void heads_backward(const Pass<T>& pass, const Heads<T>& heads, Activation<T>& grad) {
  const ModelConfig& c = pass.config();
  rope_backward(pass.args.angles, heads.n_heads, grad.data());
  const T* norm = pass.args.weights[heads.norm];
  if (!norm) return;
  Activation<T> grad_linear = pass.zeros(heads.n_heads * c.head_dim);
  rms_norm_backward({pass.args.n_tokens() * heads.n_heads, c.head_dim, c.norm_eps}, grad.data(),
                    RmsNormSaved<T>{heads.linear.data(), norm, heads.inverse.data()},
                    grad_linear.data(), pass.grad[heads.norm]);
  grad = std::move(grad_linear);
}

/// Adds the attention branch's part to grad_x[n_tokens, dim].
template <class T>
void attention_backward(const Pass<T>& pass, const AttentionTape<T>& t, const T* x,
                        const T* grad_mid, T* grad_x) {
  const ModelConfig& c = pass.config();
  Activation<T> grad_q = pass.zeros(c.q_dim());
  Activation<T> grad_k = pass.zeros(c.kv_dim()), grad_v = pass.zeros(c.kv_dim());
  {
    Activation<T> grad_context = pass.zeros(c.q_dim());
    pass.linear_by(Role::kWo, grad_mid, t.context.data(), grad_context.data());
    const AttentionInput<T> in{t.q.data(), t.k.data(), t.v.data()};
    causal_attention_backward(attention_sizes(pass.args),
                              AttentionSaved<T>{in, t.probabilities.data()}, grad_context.data(),
                              AttentionGradients<T>{grad_q.data(), grad_k.data(), grad_v.data()},
                              pass.memory);
  }
  heads_backward(pass, {Role::kQNorm, c.n_heads, t.q_linear, t.q_inverse}, grad_q);
  heads_backward(pass, {Role::kKNorm, c.n_kv_heads, t.k_linear, t.k_inverse}, grad_k);
  Activation<T> grad_normed = pass.zeros(c.dim);
  const T* normed = t.normed.data();
  pass.linear_by(Role::kWq, Role::kBiasQ, grad_q.data(), normed, grad_normed.data());
  pass.linear_by(Role::kWk, Role::kBiasK, grad_k.data(), normed, grad_normed.data());
  pass.linear_by(Role::kWv, Role::kBiasV, grad_v.data(), normed, grad_normed.data());
  pass.norm_by(Role::kAttnNorm, grad_normed.data(), x, t.inverse_rms.data(), grad_x);
}

}  // namespace

template <class T>
BlockGradients<T> block_backward(const BlockArgs<T>& a, BlockTape<T> tape, const T* grad_output,
                                 ActivationMemory& memory) {
  const int64_t size = a.n_tokens() * a.config.dim;
  const T* x = tape.x.data();
  BlockGradients<T> grad(a.config, a.n_tokens());
  const Pass<T> pass{a, grad.weights, memory};
  Activation<T> grad_mid(memory, size, grad_output);
  if (tape.recompute) {
    tape.mid = Activation<T>(memory, size);
    attention_forward(a, x, tape.mid.data(), memory);
    tape.ffn = ffn_forward<T>(a, tape.mid.data(), nullptr, memory);
  }
  ffn_backward(pass, tape.ffn, tape.mid.data(), grad_output, grad_mid.data());
  tape.ffn = {};
  tape.mid = {};
  if (tape.recompute) tape.attention = attention_forward<T>(a, x, nullptr, memory);
  std::copy(grad_mid.data(), grad_mid.data() + size, grad.input.data());
  attention_backward(pass, tape.attention, x, grad_mid.data(), grad.input.data());
  return grad;
}

template BlockGradients<float> block_backward(const BlockArgs<float>&, BlockTape<float>,
                                              const float*, ActivationMemory&);
template BlockGradients<double> block_backward(const BlockArgs<double>&, BlockTape<double>,
                                               const double*, ActivationMemory&);

}  // namespace qwench::bench
