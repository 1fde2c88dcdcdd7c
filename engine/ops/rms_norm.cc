// Cost, contract and example of rms_norm.
#include "engine/ops/rms_norm.h"

#include "engine/ops/example.h"
#include "engine/ops/shape_checks.h"

namespace qwench {

OpCost cost(const RmsNormArgs& a) {
  return {4 * a.x.shape.count(), a.x.bytes() + a.w.bytes() + a.y.bytes()};
}

void validate(const RmsNormArgs& a) {
  QWENCH_CHECK(is_matrix(a.x, a.x.rows(), a.x.cols()) && is_vector(a.w, a.x.cols()));
  QWENCH_CHECK(is_matrix(a.y, a.x.rows(), a.x.cols()) && a.eps > 0);
}

RmsNormArgs example(Tag<RmsNormArgs>, const OpSizes& s, ExampleAllocator& m) {
  return {m.row_values(s, s.dim), m.values({s.dim}), s.eps, m.row_room(s, s.dim)};
}

}  // namespace qwench
