// Strides and types of the C interface.
#include "cpu/plugin_args.h"

namespace qwench::cpu {

static_assert(int(DType::kF32) == QWENCH_F32 && int(DType::kF16) == QWENCH_F16 &&
              int(DType::kBF16) == QWENCH_BF16 && int(DType::kI32) == QWENCH_I32 &&
              int(DType::kQ8_0) == QWENCH_Q8_0 && int(DType::kQ4_0) == QWENCH_Q4_0 &&
              int(DType::kQ4G) == QWENCH_Q4G);

static QwenchTensor tensor(void* data, DType dtype, const Shape& shape) {
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

QwenchTensor tensor(const TensorView& t) { return tensor(t.data, t.dtype, t.shape); }
QwenchTensor matrix(const TensorView& t) {
  return t ? tensor(t.data, t.dtype, {t.rows(), t.cols()}) : QwenchTensor{};
}
QwenchTensor weight(const WeightView& w) {
  return tensor(const_cast<void*>(w.plain), w.dtype, {w.out, w.in});
}
QwenchKv kv(const KvView& c) {
  return {c.k,     c.v,          int32_t(c.dtype), int32_t(kKvBlock),
          c.n_seq, c.n_kv_heads, c.capacity,       c.head_dim};
}

}  // namespace qwench::cpu
