// The ops of a decoder block with their derivatives, for float and double: linear, RMSNorm, RoPE,
// SwiGLU. Plain loops, sums in double. In every backward, `grad_y` is the derivative of the loss by
// the op's output. Gradients by weights are written, gradients by inputs are added to what is
// there: an input that is used twice receives the sum.
#pragma once
#include <cstdint>
#include <vector>

#include "engine/config/config.h"

namespace qwench::bench {

struct LinearSizes {
  int64_t n_tokens = 0, out = 0, in = 0;
};

template <class T>
struct LinearGradients {
  T* x = nullptr;     // [n_tokens, in]; added to
  T* w = nullptr;     // [out, in]
  T* bias = nullptr;  // [out]; null when there is none
};

/// y[n_tokens, out] = x[n_tokens, in] w[out, in]^T + bias[out] (null: none).
template <class T>
void linear(const LinearSizes& s, const T* x, const T* w, const T* bias, T* y);

/// x += grad_y w; w = grad_y^T x; bias = sum of grad_y over tokens.
template <class T>
void linear_backward(const LinearSizes& s, const T* grad_y, const T* x, const T* w,
                     const LinearGradients<T>& grad);

struct RmsNormSizes {
  int64_t n_rows = 0, dim = 0;
  double eps = 0;
};

/// What the backward of RMSNorm reads again.
template <class T>
struct RmsNormSaved {
  const T* x = nullptr;            // [n_rows, dim]
  const T* w = nullptr;            // [dim]
  const T* inverse_rms = nullptr;  // [n_rows]
};

/// inverse_rms[r] = 1 / sqrt(mean(x[r]^2) + eps); y = x * inverse_rms * w.
template <class T>
void rms_norm(const RmsNormSizes& s, const T* x, const T* w, T* inverse_rms, T* y);

/// grad_x[n_rows, dim] is added to, grad_w[dim] is written.
template <class T>
void rms_norm_backward(const RmsNormSizes& s, const T* grad_y, const RmsNormSaved<T>& saved,
                       T* grad_x, T* grad_w);

/// cos and sin of the positions 0 .. n_tokens - 1, rounded as the engine's RopeTable rounds them.
struct RopeAngles {
  int64_t n_tokens = 0, half = 0;  // half: head_dim / 2
  std::vector<float> cos, sin;     // [n_tokens, half]

  RopeAngles(const ModelConfig& config, int64_t n_tokens);
};

/// Turns the pairs (i, i + half) of each head of x[n_tokens, n_heads, head_dim], in place.
template <class T>
void rope(const RopeAngles& angles, int64_t n_heads, T* x);

/// The derivative, in place: a rotation is undone by its transpose, the same with -sin.
template <class T>
void rope_backward(const RopeAngles& angles, int64_t n_heads, T* grad);

/// h[i] = silu(gate[i]) * up[i], i < n; silu(g) = g / (1 + exp(-g)).
template <class T>
void swiglu(int64_t n, const T* gate, const T* up, T* h);

/// grad_gate and grad_up [n] are written.
template <class T>
struct SwigluGradients {
  T *gate = nullptr, *up = nullptr;
};
template <class T>
void swiglu_backward(int64_t n, const T* grad_h, const T* gate, const T* up,
                     const SwigluGradients<T>& grad);

}  // namespace qwench::bench
