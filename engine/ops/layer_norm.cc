// Cost, contract and example of layer_norm.
#include "engine/ops/layer_norm.h"

#include "engine/ops/example.h"
#include "engine/ops/shape_checks.h"

namespace qwench {

OpCost cost(const LayerNormArgs& a) {
  // mean, variance, scaling
  return {8 * a.x.shape.count(), a.x.bytes() + a.w.bytes() + a.bias.bytes() + a.y.bytes()};
}

void validate(const LayerNormArgs& a) {
  QWENCH_CHECK(is_matrix(a.x, a.x.rows(), a.x.cols()) && is_vector(a.w, a.x.cols()));
  QWENCH_CHECK(is_vector_or_null(a.bias, a.x.cols()));
  QWENCH_CHECK(is_matrix(a.y, a.x.rows(), a.x.cols()) && a.eps > 0);
}

LayerNormArgs example(Tag<LayerNormArgs>, const OpSizes& s, ExampleAllocator& m) {
  return {m.row_values(s, s.dim), m.values({s.dim}), m.bias(s, s.dim), s.eps, m.row_room(s, s.dim)};
}

}  // namespace qwench
