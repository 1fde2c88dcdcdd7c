// Cost, contract and example of qkv_linear.
#include "engine/ops/qkv_linear.h"

#include "engine/ops/example.h"
#include "engine/ops/shape_checks.h"

namespace qwench {

OpCost cost(const QkvLinearArgs& a) {
  const int64_t out = a.wq.out + a.wk.out + a.wv.out;
  const int64_t weights = a.wq.bytes() + a.wk.bytes() + a.wv.bytes();
  return {2 * a.x.rows() * out * a.wq.in,
          a.x.bytes() + weights + a.q.bytes() + a.k.bytes() + a.v.bytes()};
}

void validate(const QkvLinearArgs& a) {
  validate(LinearArgs{a.x, a.wq, a.bias_q, a.q});
  validate(LinearArgs{a.x, a.wk, a.bias_k, a.k});
  validate(LinearArgs{a.x, a.wv, a.bias_v, a.v});
}

QkvLinearArgs example(Tag<QkvLinearArgs>, const OpSizes& s, ExampleAllocator& m) {
  QkvLinearArgs a;
  a.x = m.row_values(s, s.dim);
  a.wq = m.weight(s.q_dim(), s.dim, s.dtype, WeightUse::kLinear);
  a.wk = m.weight(s.kv_dim(), s.dim, s.dtype, WeightUse::kLinear);
  a.wv = m.weight(s.kv_dim(), s.dim, s.dtype, WeightUse::kLinear);
  a.bias_q = m.bias(s, s.q_dim()), a.bias_k = m.bias(s, s.kv_dim());
  a.bias_v = m.bias(s, s.kv_dim());
  a.q = m.row_room(s, s.q_dim()), a.k = m.row_room(s, s.kv_dim());
  a.v = m.row_room(s, s.kv_dim());
  return a;
}

}  // namespace qwench
