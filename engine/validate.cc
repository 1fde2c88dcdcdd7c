// The contract of every op's args: which shapes and types go together.
#include "engine/backend.h"

namespace qwench {

namespace {

bool is_matrix(const TensorView& t, int64_t rows, int64_t cols) {
  return t.data && t.dtype == DType::kF32 && t.rows() == rows && t.cols() == cols;
}
bool is_vector(const TensorView& t, int64_t n) {
  return t.data && t.dtype == DType::kF32 && t.shape == Shape{n};
}
bool is_vector_or_null(const TensorView& t, int64_t n) { return !t.data || is_vector(t, n); }
bool is_index(const TensorView& t, int64_t n) {
  return t.data && t.dtype == DType::kI32 && t.shape == Shape{n};
}
bool is_heads(const TensorView& t, int64_t n_tokens, int64_t head_dim) {
  return t.data && t.dtype == DType::kF32 && t.shape.rank == 3 && t.shape[0] == n_tokens &&
         t.shape[2] == head_dim;
}
bool is_weight(const WeightView& w, int64_t in) {
  return (w.plain || w.packed) && w.out > 0 && w.in == in;
}
bool is_cache(const KvView& c, int64_t head_dim) {
  return c.k && c.v && c.head_dim == head_dim && c.capacity % kKvBlock == 0;
}

}  // namespace

void validate(const EmbedArgs& a) {
  QWENCH_CHECK(is_index(a.tokens, a.x.rows()) && is_weight(a.w, a.x.cols()));
  QWENCH_CHECK(is_matrix(a.x, a.x.rows(), a.x.cols()));
}
void validate(const LinearArgs& a) {
  QWENCH_CHECK(is_matrix(a.x, a.x.rows(), a.w.in) && is_weight(a.w, a.x.cols()));
  QWENCH_CHECK(is_matrix(a.y, a.x.rows(), a.w.out) && is_vector_or_null(a.bias, a.w.out));
}
void validate(const AddArgs& a) {
  QWENCH_CHECK(is_matrix(a.x, a.x.rows(), a.x.cols()));
  QWENCH_CHECK(is_matrix(a.delta, a.x.rows(), a.x.cols()));
}
void validate(const RmsNormArgs& a) {
  QWENCH_CHECK(is_matrix(a.x, a.x.rows(), a.x.cols()) && is_vector(a.w, a.x.cols()));
  QWENCH_CHECK(is_matrix(a.y, a.x.rows(), a.x.cols()) && a.eps > 0);
}
void validate(const HeadNormArgs& a) {
  QWENCH_CHECK(is_heads(a.x, a.x.shape[0], a.w.cols()) && is_vector(a.w, a.w.cols()) && a.eps > 0);
}
void validate(const RopeArgs& a) {
  QWENCH_CHECK(is_heads(a.x, a.x.shape[0], 2 * a.cos.cols()) && a.cos.shape == a.sin.shape);
  QWENCH_CHECK(is_index(a.positions, a.x.shape[0]));
}
void validate(const KvStoreArgs& a) {
  QWENCH_CHECK(is_cache(a.cache, a.k.cols()) && a.k.shape == a.v.shape);
  QWENCH_CHECK(is_heads(a.k, a.k.shape[0], a.cache.head_dim) && a.k.shape[1] == a.cache.n_kv_heads);
  QWENCH_CHECK(is_index(a.positions, a.k.shape[0]) && is_index(a.sequences, a.k.shape[0]));
}
void validate(const AttentionArgs& a) {
  QWENCH_CHECK(is_cache(a.cache, a.q.cols()) && a.q.shape == a.out.shape);
  QWENCH_CHECK(is_heads(a.q, a.q.shape[0], a.cache.head_dim) && a.out.data);
  QWENCH_CHECK(a.q.shape[1] % a.cache.n_kv_heads == 0);
  QWENCH_CHECK(is_index(a.positions, a.q.shape[0]) && is_index(a.sequences, a.q.shape[0]));
}
void validate(const SwiGluArgs& a) {
  QWENCH_CHECK(is_matrix(a.gate, a.h.rows(), a.h.cols()));
  QWENCH_CHECK(is_matrix(a.up, a.h.rows(), a.h.cols()) && a.h.data);
}
void validate(const ArgmaxArgs& a) {
  QWENCH_CHECK(is_index(a.ids, a.logits.rows()) && a.logits.dtype == DType::kF32);
  QWENCH_CHECK(a.limit > 0 && a.limit <= a.logits.cols());
}
void validate(const AddRmsNormArgs& a) {
  validate(RmsNormArgs{a.x, a.w, a.eps, a.y});
  QWENCH_CHECK(!a.delta.data || is_matrix(a.delta, a.x.rows(), a.x.cols()));
}
void validate(const QkvLinearArgs& a) {
  validate(LinearArgs{a.x, a.wq, a.bias_q, a.q});
  validate(LinearArgs{a.x, a.wk, a.bias_k, a.k});
  validate(LinearArgs{a.x, a.wv, a.bias_v, a.v});
}
void validate(const QkNormRopeArgs& a) {
  validate(RopeArgs{a.q, a.positions, a.cos, a.sin});
  validate(KvStoreArgs{a.k, a.v, a.positions, a.sequences, a.cache});
  QWENCH_CHECK(is_vector_or_null(a.q_norm, a.q.cols()) && is_vector_or_null(a.k_norm, a.k.cols()));
  QWENCH_CHECK(!a.q_norm.data == !a.k_norm.data);
}
void validate(const GateUpSwiGluArgs& a) {
  validate(LinearArgs{a.x, a.w_gate, {}, a.scratch});
  validate(LinearArgs{a.x, a.w_up, {}, a.h});
}
void validate(const LogitsArgs& a) { validate(LinearArgs{a.x, a.w, {}, a.y}); }

}  // namespace qwench
