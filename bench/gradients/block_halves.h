// The two halves of a decoder block's forward pass, which the backward runs again when nothing but
// the input was kept.
#pragma once
#include "bench/gradients/decoder_block.h"

namespace qwench::bench {

template <class T>
AttentionSizes attention_sizes(const BlockArgs<T>& args) {
  const ModelConfig& c = args.config;
  return {args.n_tokens(), c.n_heads, c.n_kv_heads, c.head_dim};
}

/// mid[n_tokens, dim] = x + Wo attention(norm(x)); null: only the tape is wanted.
template <class T>
AttentionTape<T> attention_forward(const BlockArgs<T>& args, const T* x, T* mid,
                                   ActivationMemory& memory);

/// output[n_tokens, dim] = mid + Wdown (silu(Wgate norm(mid)) * Wup norm(mid)); null: only the tape
/// is wanted.
template <class T>
FfnTape<T> ffn_forward(const BlockArgs<T>& args, const T* mid, T* output, ActivationMemory& memory);

}  // namespace qwench::bench
