// Cost, contract and example of rope.
#include "engine/ops/rope.h"

#include "engine/ops/example.h"
#include "engine/ops/shape_checks.h"

namespace qwench {

namespace {

bool is_rotation(const Rotation& r, int64_t n_tokens, int64_t half) {
  const int64_t n_axes = r.positions.cols();
  const bool tables = r.cos.shape.rank == 3 ? is_index(r.tables, n_tokens) : !r.tables;
  return r.positions.dtype == DType::kI32 && r.positions.shape == Shape{n_tokens, n_axes} &&
         n_axes >= 1 && n_axes <= 3 && (n_axes == 1 ? !r.axes : is_index(r.axes, half)) &&
         r.cos.cols() == half && r.cos.shape == r.sin.shape && r.cos && r.sin && tables;
}

}  // namespace

OpCost cost(const RopeArgs& a) {
  const int64_t angles = a.x.shape[0] * a.rotation.cos.cols();
  return {3 * a.x.shape.count(), 2 * a.x.bytes() + angles * 8};
}

void validate(const RopeArgs& a) {
  QWENCH_CHECK(is_heads(a.x, a.x.shape[0], 2 * a.rotation.cos.cols()));
  QWENCH_CHECK(is_rotation(a.rotation, a.x.shape[0], a.rotation.cos.cols()));
}

RopeArgs example(Tag<RopeArgs>, const OpSizes& s, ExampleAllocator& m) {
  return {m.head_values(s, s.n_heads), m.rotation(s)};
}

}  // namespace qwench
