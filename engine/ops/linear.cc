// Cost, contract and example of linear.
#include "engine/ops/linear.h"

#include "engine/ops/example.h"
#include "engine/ops/shape_checks.h"

namespace qwench {

OpCost cost(const LinearArgs& a) {
  const int64_t n = a.x.rows(), residual = a.add ? 1 : 0;
  return {n * a.w.out * (2 * a.w.in + residual),
          a.x.bytes() + a.w.bytes() + (1 + residual) * a.y.bytes()};
}

void validate(const LinearArgs& a) {
  QWENCH_CHECK(is_matrix(a.x, a.x.rows(), a.w.in) && is_weight(a.w, a.x.cols()));
  QWENCH_CHECK(is_matrix(a.y, a.x.rows(), a.w.out) && is_vector_or_null(a.bias, a.w.out));
}

LinearArgs example(Tag<LinearArgs>, const OpSizes& s, ExampleAllocator& m) {
  return {m.row_values(s, s.in), m.matrix(s, s.out, s.in), m.bias(s, s.out),
          s.residual ? m.row_values(s, s.out) : m.row_room(s, s.out), s.residual};
}

}  // namespace qwench
