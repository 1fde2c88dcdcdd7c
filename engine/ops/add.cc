// Cost, contract and example of add.
#include "engine/ops/add.h"

#include "engine/ops/example.h"
#include "engine/ops/shape_checks.h"

namespace qwench {

OpCost cost(const AddArgs& a) { return {a.x.shape.count(), 2 * a.x.bytes() + a.delta.bytes()}; }

void validate(const AddArgs& a) {
  QWENCH_CHECK(is_matrix(a.x, a.x.rows(), a.x.cols()));
  QWENCH_CHECK(is_matrix(a.delta, a.x.rows(), a.x.cols()));
}

AddArgs example(Tag<AddArgs>, const OpSizes& s, ExampleAllocator& m) {
  return {m.row_values(s, s.dim), m.row_values(s, s.dim)};
}

}  // namespace qwench
