// Cost, contract and example of gate_up_swiglu.
#include "engine/ops/gate_up_swiglu.h"

#include "engine/ops/example.h"
#include "engine/ops/shape_checks.h"

namespace qwench {

OpCost cost(const GateUpSwiGluArgs& a) {
  const int64_t weights = a.w_gate.bytes() + a.w_up.bytes();
  return {4 * a.x.rows() * a.w_gate.out * a.w_gate.in + 5 * a.h.shape.count(),
          a.x.bytes() + weights + a.h.bytes()};
}

void validate(const GateUpSwiGluArgs& a) {
  validate(LinearArgs{a.x, a.w_gate, {}, a.scratch});
  validate(LinearArgs{a.x, a.w_up, {}, a.h});
}

GateUpSwiGluArgs example(Tag<GateUpSwiGluArgs>, const OpSizes& s, ExampleAllocator& m) {
  return {m.row_values(s, s.dim), m.weight(s.ffn_dim, s.dim, s.dtype, WeightUse::kLinear),
          m.weight(s.ffn_dim, s.dim, s.dtype, WeightUse::kLinear), m.row_room(s, s.ffn_dim),
          m.row_room(s, s.ffn_dim)};
}

}  // namespace qwench
