// Sources: RMSNorm, Zhang and Sennrich 2019; RoPE, Su et al. 2021 (rotate-half pairing as in
// transformers); SwiGLU, Shazeer 2020. The derivatives are written out above each loop.
#include "bench/gradients/block_ops.h"

#include <algorithm>
#include <cmath>

#include "bench/gradients/sums.h"
#include "engine/model/rope_table.h"

namespace qwench::bench {

template <class T>
void linear(const LinearSizes& s, const T* x, const T* w, const T* bias, T* y) {
  for (int64_t o = 0; o < s.out; ++o)  // outside: a row of w is read once for all tokens
    for (int64_t t = 0; t < s.n_tokens; ++t)
      y[t * s.out + o] = T(dot(x + t * s.in, w + o * s.in, s.in) + (bias ? double(bias[o]) : 0.0));
}

template <class T>
void linear_backward(const LinearSizes& s, const T* grad_y, const T* x, const T* w,
                     const LinearGradients<T>& grad) {
  for (int64_t first = 0; first < s.in; first += kTile) {
    const int64_t n = std::min(kTile, s.in - first);
    for (int64_t t = 0; t < s.n_tokens; ++t) {  // grad x[t] = sum over o of grad_y[t, o] w[o]
      double sum[kTile] = {};
      add_rows(WeightedRows<T>{grad_y + t * s.out, 1, w + first, s.in, s.out}, n, sum);
      for (int64_t i = 0; i < n; ++i) grad.x[t * s.in + first + i] += T(sum[i]);
    }
    for (int64_t o = 0; o < s.out; ++o) {  // grad w[o] = sum over t of grad_y[t, o] x[t]
      double sum[kTile] = {};
      add_rows(WeightedRows<T>{grad_y + o, s.out, x + first, s.in, s.n_tokens}, n, sum);
      for (int64_t i = 0; i < n; ++i) grad.w[o * s.in + first + i] = T(sum[i]);
    }
  }
  if (!grad.bias) return;
  for (int64_t o = 0; o < s.out; ++o) {
    double sum = 0;
    for (int64_t t = 0; t < s.n_tokens; ++t) sum += double(grad_y[t * s.out + o]);
    grad.bias[o] = T(sum);
  }
}

template <class T>
void rms_norm(const RmsNormSizes& s, const T* x, const T* w, T* inverse_rms, T* y) {
  for (int64_t r = 0; r < s.n_rows; ++r) {
    const T* row = x + r * s.dim;
    const double mean = dot(row, row, s.dim) / double(s.dim);
    inverse_rms[r] = T(1 / std::sqrt(mean + s.eps));
    for (int64_t i = 0; i < s.dim; ++i) y[r * s.dim + i] = row[i] * inverse_rms[r] * w[i];
  }
}

// With g = grad_y * w and m = inverse_rms: m depends on every x of its row, dm/dx = -m^3 x / dim,
// so grad x = m g - m^3 x (g . x) / dim, and grad w = sum over rows of grad_y m x.
template <class T>
void rms_norm_backward(const RmsNormSizes& s, const T* grad_y, const RmsNormSaved<T>& saved,
                       T* grad_x, T* grad_w) {
  for (int64_t r = 0; r < s.n_rows; ++r) {
    const T *x = saved.x + r * s.dim, *gy = grad_y + r * s.dim;
    const double m = double(saved.inverse_rms[r]);
    double g_dot_x = 0;
    for (int64_t i = 0; i < s.dim; ++i)
      g_dot_x += double(gy[i]) * double(saved.w[i]) * double(x[i]);
    const double along_x = m * m * m * g_dot_x / double(s.dim);
    for (int64_t i = 0; i < s.dim; ++i)
      grad_x[r * s.dim + i] += T(m * double(gy[i]) * double(saved.w[i]) - along_x * double(x[i]));
  }
  for (int64_t i = 0; i < s.dim; ++i) {
    double sum = 0;
    for (int64_t r = 0; r < s.n_rows; ++r)
      sum += double(grad_y[r * s.dim + i]) * double(saved.inverse_rms[r]) *
             double(saved.x[r * s.dim + i]);
    grad_w[i] = T(sum);
  }
}

RopeAngles::RopeAngles(const ModelConfig& config, int64_t tokens)
    : n_tokens(tokens), half(config.head_dim / 2) {
  const std::vector<float> frequency = rope_frequencies(config.rope, config.head_dim);
  const float scale = float(config.rope.attention_factor);
  for (int64_t pos = 0; pos < n_tokens; ++pos)
    for (int64_t j = 0; j < half; ++j) {
      const float angle = float(pos) * frequency[size_t(j)];
      cos.push_back(std::cos(angle) * scale);
      sin.push_back(std::sin(angle) * scale);
    }
}

namespace {
/// (a, b) -> (a cos - b sin, b cos + a sin), with sin times `direction`.
template <class T>
void rotate(const RopeAngles& angles, int64_t n_heads, T direction, T* x) {
  for (int64_t t = 0; t < angles.n_tokens; ++t)
    for (int64_t head = 0; head < n_heads; ++head) {
      T* a = x + (t * n_heads + head) * 2 * angles.half;
      T* b = a + angles.half;
      for (int64_t j = 0; j < angles.half; ++j) {
        const T cos = T(angles.cos[size_t(t * angles.half + j)]);
        const T sin = direction * T(angles.sin[size_t(t * angles.half + j)]);
        const T turned = a[j] * cos - b[j] * sin;
        b[j] = b[j] * cos + a[j] * sin;
        a[j] = turned;
      }
    }
}
}  // namespace

template <class T>
void rope(const RopeAngles& angles, int64_t n_heads, T* x) {
  rotate(angles, n_heads, T(1), x);
}

template <class T>
void rope_backward(const RopeAngles& angles, int64_t n_heads, T* grad) {
  rotate(angles, n_heads, T(-1), grad);
}

template <class T>
void swiglu(int64_t n, const T* gate, const T* up, T* h) {
  for (int64_t i = 0; i < n; ++i) h[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
}

// silu(g) = g s with s = 1 / (1 + exp(-g)), ds/dg = s (1 - s), so silu'(g) = s (1 + g (1 - s)).
template <class T>
void swiglu_backward(int64_t n, const T* grad_h, const T* gate, const T* up,
                     const SwigluGradients<T>& grad) {
  for (int64_t i = 0; i < n; ++i) {
    const T s = 1 / (1 + std::exp(-gate[i]));
    grad.up[i] = grad_h[i] * gate[i] * s;
    grad.gate[i] = grad_h[i] * up[i] * s * (1 + gate[i] * (1 - s));
  }
}

template void linear(const LinearSizes&, const float*, const float*, const float*, float*);
template void linear(const LinearSizes&, const double*, const double*, const double*, double*);
template void linear_backward(const LinearSizes&, const float*, const float*, const float*,
                              const LinearGradients<float>&);
template void linear_backward(const LinearSizes&, const double*, const double*, const double*,
                              const LinearGradients<double>&);
template void rms_norm(const RmsNormSizes&, const float*, const float*, float*, float*);
template void rms_norm(const RmsNormSizes&, const double*, const double*, double*, double*);
template void rms_norm_backward(const RmsNormSizes&, const float*, const RmsNormSaved<float>&,
                                float*, float*);
template void rms_norm_backward(const RmsNormSizes&, const double*, const RmsNormSaved<double>&,
                                double*, double*);
template void rope(const RopeAngles&, int64_t, float*);
template void rope(const RopeAngles&, int64_t, double*);
template void rope_backward(const RopeAngles&, int64_t, float*);
template void rope_backward(const RopeAngles&, int64_t, double*);
template void swiglu(int64_t, const float*, const float*, float*);
template void swiglu(int64_t, const double*, const double*, double*);
template void swiglu_backward(int64_t, const float*, const float*, const float*,
                              const SwigluGradients<float>&);
template void swiglu_backward(int64_t, const double*, const double*, const double*,
                              const SwigluGradients<double>&);

}  // namespace qwench::bench
