// Cost, contract and example of head_norm.
#include "engine/ops/head_norm.h"

#include "engine/ops/example.h"
#include "engine/ops/shape_checks.h"

namespace qwench {

OpCost cost(const HeadNormArgs& a) {
  return {4 * a.x.shape.count(), 2 * a.x.bytes() + a.w.bytes()};
}

void validate(const HeadNormArgs& a) {
  QWENCH_CHECK(is_heads(a.x, a.x.shape[0], a.w.cols()) && is_vector(a.w, a.w.cols()) && a.eps > 0);
}

HeadNormArgs example(Tag<HeadNormArgs>, const OpSizes& s, ExampleAllocator& m) {
  return {m.head_values(s, s.n_heads), m.values({s.head_dim}), s.eps};
}

}  // namespace qwench
