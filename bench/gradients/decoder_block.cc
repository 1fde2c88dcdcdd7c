// The forward pass; source of the math: transformers modeling_qwen2.py and modeling_qwen3.py. Each
// half returns its tape; whoever does not need it drops it.
#include "bench/gradients/decoder_block.h"

#include "bench/gradients/block_halves.h"
#include "engine/base/checked.h"

namespace qwench::bench {

namespace {

/// q or k [n_tokens, n_heads, head_dim] in place: per-head norm where the model has one, then RoPE.
template <class T>
struct HeadTape {
  Activation<T>&x, &linear, &inverse;
  const T* norm;  // [head_dim] or null
  int64_t n_heads;
};

template <class T>
void norm_and_turn(const BlockArgs<T>& a, const HeadTape<T>& head, ActivationMemory& memory) {
  const ModelConfig& c = a.config;
  const int64_t rows = a.n_tokens() * head.n_heads;
  if (head.norm) {
    head.linear = Activation<T>(memory, rows * c.head_dim, head.x.data());
    head.inverse = Activation<T>(memory, rows);
    rms_norm({rows, c.head_dim, c.norm_eps}, head.linear.data(), head.norm, head.inverse.data(),
             head.x.data());
  }
  rope(a.angles, head.n_heads, head.x.data());
}

template <class T>
void add(int64_t n, const T* x, T* to) {
  for (int64_t i = 0; i < n; ++i) to[i] += x[i];
}

}  // namespace

template <class T>
AttentionTape<T> attention_forward(const BlockArgs<T>& a, const T* x, T* mid,
                                   ActivationMemory& memory) {
  const ModelConfig& c = a.config;
  const BlockWeights<T>& w = a.weights;
  const int64_t n = a.n_tokens();
  AttentionTape<T> t;
  t.inverse_rms = Activation<T>(memory, n);
  t.normed = Activation<T>(memory, n * c.dim);
  rms_norm({n, c.dim, c.norm_eps}, x, w[Role::kAttnNorm], t.inverse_rms.data(), t.normed.data());
  t.q = Activation<T>(memory, n * c.q_dim());
  t.k = Activation<T>(memory, n * c.kv_dim());
  t.v = Activation<T>(memory, n * c.kv_dim());
  linear({n, c.q_dim(), c.dim}, t.normed.data(), w[Role::kWq], w[Role::kBiasQ], t.q.data());
  linear({n, c.kv_dim(), c.dim}, t.normed.data(), w[Role::kWk], w[Role::kBiasK], t.k.data());
  linear({n, c.kv_dim(), c.dim}, t.normed.data(), w[Role::kWv], w[Role::kBiasV], t.v.data());
  norm_and_turn(a, {t.q, t.q_linear, t.q_inverse, w[Role::kQNorm], c.n_heads}, memory);
  norm_and_turn(a, {t.k, t.k_linear, t.k_inverse, w[Role::kKNorm], c.n_kv_heads}, memory);
  t.probabilities = Activation<T>(memory, c.n_heads * n * n);
  t.context = Activation<T>(memory, n * c.q_dim());
  causal_attention(attention_sizes(a), {t.q.data(), t.k.data(), t.v.data()}, t.probabilities.data(),
                   t.context.data());
  if (!mid) return t;
  linear<T>({n, c.dim, c.q_dim()}, t.context.data(), w[Role::kWo], nullptr, mid);
  add(n * c.dim, x, mid);
  return t;
}

template <class T>
FfnTape<T> ffn_forward(const BlockArgs<T>& a, const T* mid, T* output, ActivationMemory& memory) {
  const ModelConfig& c = a.config;
  const BlockWeights<T>& w = a.weights;
  const int64_t n = a.n_tokens();
  FfnTape<T> t;
  t.inverse_rms = Activation<T>(memory, n);
  t.normed = Activation<T>(memory, n * c.dim);
  rms_norm({n, c.dim, c.norm_eps}, mid, w[Role::kFfnNorm], t.inverse_rms.data(), t.normed.data());
  for (Activation<T>* part : {&t.gate, &t.up, &t.h}) *part = Activation<T>(memory, n * c.ffn_dim);
  linear<T>({n, c.ffn_dim, c.dim}, t.normed.data(), w[Role::kWGate], nullptr, t.gate.data());
  linear<T>({n, c.ffn_dim, c.dim}, t.normed.data(), w[Role::kWUp], nullptr, t.up.data());
  swiglu(n * c.ffn_dim, t.gate.data(), t.up.data(), t.h.data());
  if (!output) return t;
  linear<T>({n, c.dim, c.ffn_dim}, t.h.data(), w[Role::kWDown], nullptr, output);
  add(n * c.dim, mid, output);
  return t;
}

template <class T>
BlockTape<T> block_forward(const BlockArgs<T>& a, const T* x, bool recompute, T* output,
                           ActivationMemory& memory) {
  const int64_t size = a.n_tokens() * a.config.dim;
  BlockTape<T> tape;
  tape.recompute = recompute;
  tape.x = Activation<T>(memory, size, x);
  tape.mid = Activation<T>(memory, size);
  tape.attention = attention_forward(a, x, tape.mid.data(), memory);
  if (recompute) tape.attention = {};
  tape.ffn = ffn_forward(a, tape.mid.data(), output, memory);
  if (recompute) tape.ffn = {}, tape.mid = {};
  return tape;
}

template <class T>
BlockRun<T> run_block(const BlockArgs<T>& a, const std::vector<T>& x,
                      const std::vector<T>& grad_output, bool recompute) {
  QWENCH_CHECK(int64_t(x.size()) == a.n_tokens() * a.config.dim && x.size() == grad_output.size());
  ActivationMemory memory;
  std::vector<T> output(x.size());
  BlockTape<T> tape = block_forward(a, x.data(), recompute, output.data(), memory);
  const int64_t kept = memory.now;
  BlockGradients<T> gradients = block_backward(a, std::move(tape), grad_output.data(), memory);
  QWENCH_CHECK(memory.now == 0);
  return {std::move(output), std::move(gradients), kept, memory.peak};
}

int64_t bound_peak_bytes(const ModelConfig& c, int64_t n_tokens) {
  // Rows of each width that are alive when every tape and every gradient is.
  const int64_t row = 8 * c.dim + 6 * c.q_dim() + 8 * c.kv_dim() + 6 * c.ffn_dim + 4 * c.n_heads;
  const int64_t square = checked_mul(n_tokens, n_tokens, "gradients: tokens x tokens");
  const int64_t scores = checked_mul(2 * c.n_heads, square, "gradients: attention probabilities");
  const int64_t rows = checked_mul(n_tokens, row, "gradients: activations");
  return checked_mul(checked_add(rows, scores, "gradients: activations"), int64_t(sizeof(float)),
                     "gradients: bytes of activations");
}

template AttentionTape<float> attention_forward(const BlockArgs<float>&, const float*, float*,
                                                ActivationMemory&);
template AttentionTape<double> attention_forward(const BlockArgs<double>&, const double*, double*,
                                                 ActivationMemory&);
template FfnTape<float> ffn_forward(const BlockArgs<float>&, const float*, float*,
                                    ActivationMemory&);
template FfnTape<double> ffn_forward(const BlockArgs<double>&, const double*, double*,
                                     ActivationMemory&);
template BlockTape<float> block_forward(const BlockArgs<float>&, const float*, bool, float*,
                                        ActivationMemory&);
template BlockTape<double> block_forward(const BlockArgs<double>&, const double*, bool, double*,
                                         ActivationMemory&);
template BlockRun<float> run_block(const BlockArgs<float>&, const std::vector<float>&,
                                   const std::vector<float>&, bool);
template BlockRun<double> run_block(const BlockArgs<double>&, const std::vector<double>&,
                                    const std::vector<double>&, bool);

}  // namespace qwench::bench
