// Causal grouped-query attention with its derivative, for float and double. Query head h reads
// key-value head h / (n_heads / n_kv_heads); token i reads the tokens 0 .. i.
#pragma once
#include <cstdint>

#include "bench/gradients/activation.h"

namespace qwench::bench {

struct AttentionSizes {
  int64_t n_tokens = 0, n_heads = 0, n_kv_heads = 0, head_dim = 0;

  int64_t q_dim() const { return n_heads * head_dim; }
  int64_t kv_dim() const { return n_kv_heads * head_dim; }
  int64_t group() const { return n_heads / n_kv_heads; }
};

template <class T>
struct AttentionInput {
  const T* q = nullptr;  // [n_tokens, q_dim]
  const T* k = nullptr;  // [n_tokens, kv_dim]
  const T* v = nullptr;  // [n_tokens, kv_dim]
};

/// probabilities[n_heads, n_tokens, n_tokens] = softmax(q k^T / sqrt(head_dim)), zero above the
/// diagonal (contract: they come in as zero); context[n_tokens, q_dim] = probabilities v.
template <class T>
void causal_attention(const AttentionSizes& s, const AttentionInput<T>& in, T* probabilities,
                      T* context);

template <class T>
struct AttentionGradients {
  T *q = nullptr, *k = nullptr, *v = nullptr;  // shaped as the input; written
};

/// What the backward of attention reads again.
template <class T>
struct AttentionSaved {
  AttentionInput<T> in;
  const T* probabilities = nullptr;
};

/// Scratch (the scores' gradients of one key-value head) is counted in `memory`.
template <class T>
void causal_attention_backward(const AttentionSizes& s, const AttentionSaved<T>& saved,
                               const T* grad_context, const AttentionGradients<T>& grad,
                               ActivationMemory& memory);

}  // namespace qwench::bench
