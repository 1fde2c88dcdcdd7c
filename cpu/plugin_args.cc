// One short function per op, in the order of op.h.
#include "cpu/plugin_args.h"

namespace qwench::cpu {

namespace {

static_assert(int(DType::kF32) == QWENCH_F32 && int(DType::kF16) == QWENCH_F16 &&
              int(DType::kBF16) == QWENCH_BF16 && int(DType::kI32) == QWENCH_I32 &&
              int(DType::kQ8_0) == QWENCH_Q8_0 && int(DType::kQ4_0) == QWENCH_Q4_0 &&
              int(DType::kQ4G) == QWENCH_Q4G);

QwenchTensor tensor(void* data, DType dtype, const Shape& shape) {
  QwenchTensor to{};
  to.data = data, to.dtype = int32_t(dtype), to.rank = shape.rank;
  for (int i = 0; i < 4; ++i) to.shape[i] = i < shape.rank ? shape[i] : 1;
  if (shape.rank == 0) return to;
  const int last = shape.rank - 1;
  to.stride_bytes[last] = is_quantized(dtype) ? 0 : size_of(dtype);
  int64_t stride = row_bytes(dtype, shape[last]);
  for (int i = last - 1; i >= 0; --i) to.stride_bytes[i] = stride, stride *= shape[i];
  return to;
}

/// As it is: vectors, indices and heads.
QwenchTensor tensor(const TensorView& t) { return tensor(t.data, t.dtype, t.shape); }
/// As rows, whatever its rank is here.
QwenchTensor matrix(const TensorView& t) {
  return t ? tensor(t.data, t.dtype, {t.rows(), t.cols()}) : QwenchTensor{};
}
QwenchTensor weight(const WeightView& w) {
  return tensor(const_cast<void*>(w.plain), w.dtype, {w.out, w.in});
}
QwenchKv cache(const KvView& c) {
  return {c.k,     c.v,          int32_t(c.dtype), int32_t(kKvBlock),
          c.n_seq, c.n_kv_heads, c.capacity,       c.head_dim};
}

}  // namespace

void to_c(const EmbedArgs& a, QwenchArgs& to) {
  to.embed = {tensor(a.tokens), weight(a.w), matrix(a.x)};
}
void to_c(const LinearArgs& a, QwenchArgs& to) {
  to.linear = {matrix(a.x), weight(a.w), tensor(a.bias), matrix(a.y)};
}
void to_c(const AddArgs& a, QwenchArgs& to) { to.add = {matrix(a.delta), matrix(a.x)}; }
void to_c(const RmsNormArgs& a, QwenchArgs& to) {
  to.rms_norm = {matrix(a.x), tensor(a.w), matrix(a.y), a.eps};
}
void to_c(const HeadNormArgs& a, QwenchArgs& to) {
  to.head_norm = {tensor(a.x), tensor(a.w), a.eps};
}
void to_c(const RopeArgs& a, QwenchArgs& to) {
  to.rope = {tensor(a.x), tensor(a.positions), tensor(a.cos), tensor(a.sin)};
}
void to_c(const KvStoreArgs& a, QwenchArgs& to) {
  to.kv_store = {tensor(a.k), tensor(a.v), tensor(a.positions), tensor(a.sequences),
                 cache(a.cache)};
}
void to_c(const AttentionArgs& a, QwenchArgs& to) {
  to.attention = {tensor(a.q),    tensor(a.positions), tensor(a.sequences),
                  cache(a.cache), tensor(a.out),       a.scale};
}
void to_c(const SwiGluArgs& a, QwenchArgs& to) {
  to.swiglu = {matrix(a.gate), matrix(a.up), matrix(a.h)};
}
void to_c(const ArgmaxArgs& a, QwenchArgs& to) {
  to.argmax = {matrix(a.logits), tensor(a.ids), a.limit};
}
void to_c(const AddRmsNormArgs& a, QwenchArgs& to) {
  to.add_rms_norm = {matrix(a.delta), matrix(a.x), tensor(a.w), matrix(a.y), a.eps};
}
void to_c(const QkvLinearArgs& a, QwenchArgs& to) {
  to.qkv_linear = {matrix(a.x),      weight(a.wq),     weight(a.wk), weight(a.wv), tensor(a.bias_q),
                   tensor(a.bias_k), tensor(a.bias_v), matrix(a.q),  matrix(a.k),  matrix(a.v)};
}
void to_c(const QkNormRopeArgs& a, QwenchArgs& to) {
  to.qk_norm_rope = {tensor(a.q),
                     tensor(a.k),
                     tensor(a.v),
                     tensor(a.q_norm),
                     tensor(a.k_norm),
                     tensor(a.positions),
                     tensor(a.sequences),
                     tensor(a.cos),
                     tensor(a.sin),
                     cache(a.cache),
                     a.eps};
}
void to_c(const GateUpSwiGluArgs& a, QwenchArgs& to) {
  to.gate_up_swiglu = {matrix(a.x), weight(a.w_gate), weight(a.w_up), matrix(a.scratch),
                       matrix(a.h)};
}
void to_c(const LogitsArgs& a, QwenchArgs& to) {
  to.logits = {matrix(a.x), weight(a.w), matrix(a.y)};
}

}  // namespace qwench::cpu
