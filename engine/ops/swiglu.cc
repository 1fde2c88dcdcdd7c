// Cost, contract and example of swiglu.
#include "engine/ops/swiglu.h"

#include "engine/ops/example.h"
#include "engine/ops/shape_checks.h"

namespace qwench {

OpCost cost(const SwiGluArgs& a) { return {5 * a.h.shape.count(), 3 * a.h.bytes()}; }

void validate(const SwiGluArgs& a) {
  QWENCH_CHECK(is_matrix(a.gate, a.h.rows(), a.h.cols()));
  QWENCH_CHECK(is_matrix(a.up, a.h.rows(), a.h.cols()) && a.h.data);
}

SwiGluArgs example(Tag<SwiGluArgs>, const OpSizes& s, ExampleAllocator& m) {
  const TensorView gate = m.row_values(s, s.ffn_dim), up = m.row_values(s, s.ffn_dim);
  return {gate, up, s.into_up ? up : m.row_room(s, s.ffn_dim)};
}

}  // namespace qwench
