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
  return (w.plain || w.packed) && w.out > 0 && w.in == in && (!w.order || is_index(w.order, in));
}
inline bool is_cache(const KvView& c, int64_t head_dim) {
  const auto is_float = [](DType type) { return type != DType::kI32 && !is_quantized(type); };
  return c.k && c.v && c.head_dim == head_dim && is_float(c.k_type) && is_float(c.v_type) &&
         c.page_table && c.page_table.dtype == DType::kI32 && c.page_table.shape.rank == 2;
}
inline bool is_block_list(const BlockList& b, int64_t n_tokens, int64_t n_kv_heads) {
  const int64_t n_rows = b.counts.rows(), most = b.blocks.cols();
  return is_index(b.rows, n_tokens) && b.counts && b.blocks && b.counts.dtype == DType::kI32 &&
         b.blocks.dtype == DType::kI32 && b.counts.shape == Shape{n_rows, n_kv_heads} &&
         b.blocks.shape == Shape{n_rows, n_kv_heads, most} && most > 0;
}

}  // namespace qwench
