// Cost, contract and example of add_rms_norm.
#include "engine/ops/add_rms_norm.h"

#include "engine/ops/example.h"
#include "engine/ops/shape_checks.h"

namespace qwench {

OpCost cost(const AddRmsNormArgs& a) {
  const OpCost norm = cost(RmsNormArgs{a.x, a.w, a.eps, a.y});
  return a.delta ? norm + OpCost{a.x.shape.count(), a.delta.bytes() + a.x.bytes()} : norm;
}

void validate(const AddRmsNormArgs& a) {
  validate(RmsNormArgs{a.x, a.w, a.eps, a.y});
  QWENCH_CHECK(!a.delta.data || is_matrix(a.delta, a.x.rows(), a.x.cols()));
}

AddRmsNormArgs example(Tag<AddRmsNormArgs>, const OpSizes& s, ExampleAllocator& m) {
  return {s.delta ? m.row_values(s, s.dim) : TensorView{}, m.row_values(s, s.dim),
          m.values({s.dim}), s.eps, m.row_room(s, s.dim)};
}

}  // namespace qwench
