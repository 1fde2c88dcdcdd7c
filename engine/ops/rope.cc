// Cost, contract and example of rope.
#include "engine/ops/rope.h"

#include "engine/ops/example.h"
#include "engine/ops/shape_checks.h"

namespace qwench {

OpCost cost(const RopeArgs& a) {
  return {3 * a.x.shape.count(), 2 * a.x.bytes() + a.x.shape[0] * a.cos.cols() * 8};
}

void validate(const RopeArgs& a) {
  QWENCH_CHECK(is_heads(a.x, a.x.shape[0], 2 * a.cos.cols()) && a.cos.shape == a.sin.shape);
  QWENCH_CHECK(is_index(a.positions, a.x.shape[0]));
}

RopeArgs example(Tag<RopeArgs>, const OpSizes& s, ExampleAllocator& m) {
  const Shape table{s.capacity(), s.head_dim / 2};
  return {m.head_values(s, s.n_heads), m.positions(s), m.values(table), m.values(table)};
}

}  // namespace qwench
