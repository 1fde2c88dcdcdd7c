// Strides and types of the C interface.
#include "cpu/plugin_args.h"

namespace qwench::cpu {

static_assert(int(DType::kF32) == QWENCH_F32 && int(DType::kF16) == QWENCH_F16 &&
              int(DType::kBF16) == QWENCH_BF16 && int(DType::kI32) == QWENCH_I32 &&
              int(DType::kQ8_0) == QWENCH_Q8_0 && int(DType::kQ4_0) == QWENCH_Q4_0 &&
              int(DType::kQ4G) == QWENCH_Q4G);
static_assert(OptionSet{Option::kInputOrder}.bits == QWENCH_OPTION_INPUT_ORDER &&
              OptionSet{Option::kBlockList}.bits == QWENCH_OPTION_BLOCK_LIST &&
              OptionSet{Option::kPositionAxes}.bits == QWENCH_OPTION_POSITION_AXES &&
              OptionSet{Option::kRopeTables}.bits == QWENCH_OPTION_ROPE_TABLES);

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
QwenchWeight weight(const WeightView& w) {
  return {w.plain,
          w.out,
          w.in,
          row_bytes(w.dtype, w.in),
          int32_t(w.dtype),
          w.order.as<const int32_t>()};
}
QwenchKv kv(const KvView& c) {
  return {c.k,
          c.v,
          c.page_bytes,
          tensor(c.page_table),
          c.n_kv_heads,
          c.head_dim,
          int32_t(c.k_type),
          int32_t(c.v_type),
          int32_t(kKvBlock),
          int32_t(c.n_pages)};
}
QwenchRotation rotation(const Rotation& r) {
  return {tensor(r.positions), tensor(r.axes), tensor(r.cos), tensor(r.sin), tensor(r.tables)};
}
QwenchBlockList blocks(const BlockList& b) {
  return {tensor(b.rows), tensor(b.counts), tensor(b.blocks)};
}

}  // namespace qwench::cpu
