// One dense Qwen2 or Qwen3 decoder layer with its backward pass: a validation tool, not a trainer.
// Storage is T (float; double where finite differences need it), sums are double, so the same
// inputs give the same bits however often a part is computed again.
#pragma once
#include <vector>

#include "bench/gradients/activation.h"
#include "bench/gradients/block_ops.h"
#include "bench/gradients/block_weights.h"
#include "bench/gradients/causal_attention.h"

namespace qwench::bench {

/// One layer and the tokens it sees: positions 0 .. n_tokens - 1 of one sequence.
template <class T>
struct BlockArgs {
  const ModelConfig& config;
  const BlockWeights<T>& weights;
  const RopeAngles& angles;  // their n_tokens is the block's

  int64_t n_tokens() const { return angles.n_tokens; }
};

/// What the backward of mid = x + Wo attention(norm(x)) reads again.
template <class T>
struct AttentionTape {
  Activation<T> inverse_rms, normed;     // [n_tokens], [n_tokens, dim]
  Activation<T> q_linear, k_linear;      // before the per-head norm; Qwen3 only
  Activation<T> q_inverse, k_inverse;    // [n_tokens, n_heads], [n_tokens, n_kv_heads]; Qwen3 only
  Activation<T> q, k, v;                 // [n_tokens, q_dim], [n_tokens, kv_dim] x 2; after RoPE
  Activation<T> probabilities, context;  // [n_heads, n_tokens, n_tokens], [n_tokens, q_dim]
};

/// What the backward of output = mid + Wdown (silu(Wgate norm(mid)) * Wup norm(mid)) reads again.
template <class T>
struct FfnTape {
  Activation<T> inverse_rms, normed;  // [n_tokens], [n_tokens, dim]
  Activation<T> gate, up, h;          // [n_tokens, ffn_dim]
};

/// What is kept between forward and backward: everything, or with recomputation the input alone.
template <class T>
struct BlockTape {
  bool recompute = false;
  Activation<T> x;    // [n_tokens, dim]
  Activation<T> mid;  // [n_tokens, dim]; the rest only if !recompute
  AttentionTape<T> attention;
  FfnTape<T> ffn;
};

/// output[n_tokens, dim] = the layer applied to x[n_tokens, dim].
template <class T>
BlockTape<T> block_forward(const BlockArgs<T>& args, const T* x, bool recompute, T* output,
                           ActivationMemory& memory);

/// Gradients of a loss whose derivative by the output is grad_output[n_tokens, dim]. Takes the tape
/// and lets go of each half once it is used. With recomputation the attention half runs twice more
/// (for mid, then for its own backward) and the FFN half once more, one half in memory at a time.
template <class T>
BlockGradients<T> block_backward(const BlockArgs<T>& args, BlockTape<T> tape, const T* grad_output,
                                 ActivationMemory& memory);

template <class T>
struct BlockRun {
  std::vector<T> output;  // [n_tokens, dim]
  BlockGradients<T> gradients;
  int64_t kept_bytes = 0;  // of activations, between forward and backward
  int64_t peak_bytes = 0;  // of activations and their gradients, at one time
};

/// Forward and backward; both inputs are [n_tokens, dim].
template <class T>
BlockRun<T> run_block(const BlockArgs<T>& args, const std::vector<T>& x,
                      const std::vector<T>& grad_output, bool recompute);

/// An upper bound of peak_bytes of a float block. Error when it does not fit in 64 bits.
int64_t bound_peak_bytes(const ModelConfig& config, int64_t n_tokens);

}  // namespace qwench::bench
