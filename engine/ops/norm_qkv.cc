// Cost, contract and example of norm_qkv.
#include "engine/ops/norm_qkv.h"

#include "engine/ops/example.h"

namespace qwench {

OpCost cost(const NormQkvArgs& a) {
  const int64_t out = a.wq.out + a.wk.out + a.wv.out;
  const int64_t weights = a.wq.bytes() + a.wk.bytes() + a.wv.bytes();
  return {2 * a.x.rows() * out * a.wq.in + 4 * a.x.shape.count(),
          a.x.bytes() + a.norm.bytes() + weights + a.q.bytes() + a.k.bytes() + a.v.bytes()};
}

void validate(const NormQkvArgs& a) {
  compose(a, [](const auto& part) { validate(part); });
}

NormQkvArgs example(Tag<NormQkvArgs>, const OpSizes& s, ExampleAllocator& m) {
  NormQkvArgs a;
  a.x = m.row_values(s, s.dim);
  a.norm = m.values({s.dim});
  a.eps = s.eps;
  a.wq = m.matrix(s, s.q_dim(), s.dim);
  a.wk = m.matrix(s, s.kv_dim(), s.dim);
  a.wv = m.matrix(s, s.kv_dim(), s.dim);
  a.bias_q = m.bias(s, s.q_dim()), a.bias_k = m.bias(s, s.kv_dim());
  a.bias_v = m.bias(s, s.kv_dim());
  a.normed = m.row_room(s, s.dim);
  a.q = m.row_room(s, s.q_dim()), a.k = m.row_room(s, s.kv_dim());
  a.v = m.row_room(s, s.kv_dim());
  return a;
}

}  // namespace qwench
