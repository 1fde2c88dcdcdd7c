// Cost, contract and example of norm_gate_up.
#include "engine/ops/norm_gate_up.h"

#include "engine/ops/example.h"

namespace qwench {

OpCost cost(const NormGateUpArgs& a) {
  const int64_t weights = a.w_gate.bytes() + a.w_up.bytes();
  return {
      4 * a.x.rows() * a.w_gate.out * a.w_gate.in + 4 * a.x.shape.count() + 5 * a.h.shape.count(),
      a.x.bytes() + a.norm.bytes() + weights + a.h.bytes()};
}

void validate(const NormGateUpArgs& a) {
  compose(a, [](const auto& part) { validate(part); });
}

NormGateUpArgs example(Tag<NormGateUpArgs>, const OpSizes& s, ExampleAllocator& m) {
  NormGateUpArgs a;
  a.x = m.row_values(s, s.dim);
  a.norm = m.values({s.dim});
  a.eps = s.eps;
  a.w_gate = m.matrix(s, s.ffn_dim, s.dim);
  a.w_up = m.matrix(s, s.ffn_dim, s.dim);
  a.normed = m.row_room(s, s.dim);
  a.gate = m.row_room(s, s.ffn_dim), a.h = m.row_room(s, s.ffn_dim);
  return a;
}

}  // namespace qwench
