// Cost, contract and example of gelu.
#include "engine/ops/gelu.h"

#include "engine/ops/example.h"
#include "engine/ops/shape_checks.h"

namespace qwench {

OpCost cost(const GeluArgs& a) { return {8 * a.x.shape.count(), a.x.bytes() + a.y.bytes()}; }

void validate(const GeluArgs& a) {
  QWENCH_CHECK(is_matrix(a.x, a.x.rows(), a.x.cols()));
  QWENCH_CHECK(is_matrix(a.y, a.x.rows(), a.x.cols()));
}

GeluArgs example(Tag<GeluArgs>, const OpSizes& s, ExampleAllocator& m) {
  return {m.row_values(s, s.ffn_dim), m.row_room(s, s.ffn_dim), s.tanh};
}

}  // namespace qwench
