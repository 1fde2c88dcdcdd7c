// Source: Vaswani et al. 2017, 3.2.1; grouped queries, Ainslie et al. 2023. Every probability is
// kept, so that the derivative can be read against its formula.
#include "bench/gradients/causal_attention.h"

#include <algorithm>
#include <cmath>

#include "bench/gradients/sums.h"

namespace qwench::bench {

namespace {

double score_scale(const AttentionSizes& s) { return 1 / std::sqrt(double(s.head_dim)); }

/// Probabilities of the tokens 0 .. i for token i of one query head.
template <class T>
void softmax_row(const AttentionSizes& s, const T* q, const T* k, int64_t i, T* row) {
  double max = -HUGE_VAL;
  for (int64_t j = 0; j <= i; ++j) {
    row[j] = T(score_scale(s) * dot(q, k + j * s.kv_dim(), s.head_dim));
    max = std::max(max, double(row[j]));
  }
  double sum = 0;
  for (int64_t j = 0; j <= i; ++j) sum += double(row[j] = T(std::exp(double(row[j]) - max)));
  for (int64_t j = 0; j <= i; ++j) row[j] = T(double(row[j]) / sum);
}

/// With dp[j] = grad_context . v[j]: grad score[j] = p[j] (dp[j] - sum over l of p[l] dp[l]); the
/// factor in the score is multiplied in here, once for grad q and grad k.
template <class T>
void softmax_row_backward(const AttentionSizes& s, const T* grad_context, const T* v,
                          const T* probability, int64_t i, T* grad_score) {
  double mean = 0;
  for (int64_t j = 0; j <= i; ++j) {
    grad_score[j] = T(dot(grad_context, v + j * s.kv_dim(), s.head_dim));
    mean += double(probability[j]) * double(grad_score[j]);
  }
  for (int64_t j = 0; j <= i; ++j)
    grad_score[j] = T(score_scale(s) * double(probability[j]) * (double(grad_score[j]) - mean));
}

/// to[c] = sum of the weighted rows over `n_heads` neighbouring query heads, c < head_dim. From one
/// head to the next, coefficients lie n_tokens^2 apart and rows head_dim.
template <class T>
void store_sum(const AttentionSizes& s, const WeightedRows<T>& of_first, int64_t n_heads, T* to) {
  for (int64_t first = 0; first < s.head_dim; first += kTile) {
    const int64_t n = std::min(kTile, s.head_dim - first);
    double sum[kTile] = {};
    for (int64_t head = 0; head < n_heads; ++head) {
      WeightedRows<T> rows = of_first;
      rows.coefficient += head * s.n_tokens * s.n_tokens;
      rows.rows += head * s.head_dim + first;
      add_rows(rows, n, sum);
    }
    for (int64_t c = 0; c < n; ++c) to[first + c] = T(sum[c]);
  }
}

}  // namespace

template <class T>
void causal_attention(const AttentionSizes& s, const AttentionInput<T>& in, T* probabilities,
                      T* context) {
  const int64_t n = s.n_tokens;
  for (int64_t head = 0; head < s.n_heads; ++head) {
    const int64_t at = head * s.head_dim, kv_at = head / s.group() * s.head_dim;
    for (int64_t i = 0; i < n; ++i) {
      T* row = probabilities + (head * n + i) * n;
      softmax_row(s, in.q + i * s.q_dim() + at, in.k + kv_at, i, row);
      store_sum(s, WeightedRows<T>{row, 1, in.v + kv_at, s.kv_dim(), i + 1}, 1,
                context + i * s.q_dim() + at);
    }
  }
}

// grad q[i] = sum over j <= i of grad score[i, j] k[j]; grad k[j] and grad v[j] are sums over the
// tokens i >= j and over the query heads that read this key-value head.
template <class T>
void causal_attention_backward(const AttentionSizes& s, const AttentionSaved<T>& saved,
                               const T* grad_context, const AttentionGradients<T>& grad,
                               ActivationMemory& memory) {
  const int64_t n = s.n_tokens;
  Activation<T> grad_score(memory, s.group() * n * n);
  for (int64_t kv_head = 0; kv_head < s.n_kv_heads; ++kv_head) {
    const int64_t kv_at = kv_head * s.head_dim, q_at = kv_at * s.group();
    const T* probability = saved.probabilities + kv_head * s.group() * n * n;
    for (int64_t head = 0; head < s.group(); ++head)
      for (int64_t i = 0; i < n; ++i) {
        const int64_t at = i * s.q_dim() + q_at + head * s.head_dim;
        T* row = grad_score.data() + (head * n + i) * n;
        softmax_row_backward(s, grad_context + at, saved.in.v + kv_at,
                             probability + (head * n + i) * n, i, row);
        store_sum(s, WeightedRows<T>{row, 1, saved.in.k + kv_at, s.kv_dim(), i + 1}, 1,
                  grad.q + at);
      }
    for (int64_t j = 0; j < n; ++j) {
      const int64_t from = j * s.q_dim() + q_at, to = j * s.kv_dim() + kv_at, column = j * n + j;
      store_sum(s, {grad_score.data() + column, n, saved.in.q + from, s.q_dim(), n - j}, s.group(),
                grad.k + to);
      store_sum(s, {probability + column, n, grad_context + from, s.q_dim(), n - j}, s.group(),
                grad.v + to);
    }
  }
}

template void causal_attention(const AttentionSizes&, const AttentionInput<float>&, float*, float*);
template void causal_attention(const AttentionSizes&, const AttentionInput<double>&, double*,
                               double*);
template void causal_attention_backward(const AttentionSizes&, const AttentionSaved<float>&,
                                        const float*, const AttentionGradients<float>&,
                                        ActivationMemory&);
template void causal_attention_backward(const AttentionSizes&, const AttentionSaved<double>&,
                                        const double*, const AttentionGradients<double>&,
                                        ActivationMemory&);

}  // namespace qwench::bench
