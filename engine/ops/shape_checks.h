// The words of validate(): which shape a tensor must have.
#pragma once
#include "engine/base/tensor.h"
#include "engine/ops/kv_view.h"

namespace qwench {

inline bool is_matrix(const TensorView& t, int64_t rows, int64_t cols) {
  return t.data && t.dtype == DType::kF32 && t.rows() == rows && t.cols() == cols;
}
inline bool is_vector(const TensorView& t, int64_t n) {
  return t.data && t.dtype == DType::kF32 && t.shape == Shape{n};
}
inline bool is_vector_or_null(const TensorView& t, int64_t n) { return !t.data || is_vector(t, n); }
inline bool is_index(const TensorView& t, int64_t n) {
  return t.data && t.dtype == DType::kI32 && t.shape == Shape{n};
}
/// [n_tokens, any number of heads, head_dim]
inline bool is_heads(const TensorView& t, int64_t n_tokens, int64_t head_dim) {
  return t.data && t.dtype == DType::kF32 && t.shape.rank == 3 && t.shape[0] == n_tokens &&
         t.shape[2] == head_dim;
}
inline bool is_weight(const WeightView& w, int64_t in) {
  return (w.plain || w.packed) && w.out > 0 && w.in == in;
}
inline bool is_cache(const KvView& c, int64_t head_dim) {
  return c.k && c.v && c.head_dim == head_dim && c.capacity % kKvBlock == 0;
}

}  // namespace qwench
