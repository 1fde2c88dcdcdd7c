// Cost formulas: what an op must read, write and compute, independent of the kernel that does it.
#include "engine/op.h"

namespace qwench {

OpCost operator+(OpCost a, OpCost b) { return {a.flops + b.flops, a.bytes + b.bytes}; }

OpCost cost(const EmbedArgs& a) {
  const int64_t read = a.x.rows() * row_bytes(a.w.dtype, a.w.in);
  return {0, a.tokens.bytes() + read + a.x.bytes()};
}
OpCost cost(const LinearArgs& a) {
  return {2 * a.x.rows() * a.w.out * a.w.in, a.x.bytes() + a.w.bytes() + a.y.bytes()};
}
OpCost cost(const AddArgs& a) { return {a.x.shape.count(), 2 * a.x.bytes() + a.delta.bytes()}; }
OpCost cost(const RmsNormArgs& a) {
  return {4 * a.x.shape.count(), a.x.bytes() + a.w.bytes() + a.y.bytes()};
}
OpCost cost(const HeadNormArgs& a) {
  return {4 * a.x.shape.count(), 2 * a.x.bytes() + a.w.bytes()};
}
OpCost cost(const RopeArgs& a) {
  return {3 * a.x.shape.count(), 2 * a.x.bytes() + a.x.shape[0] * a.cos.cols() * 8};
}
OpCost cost(const KvStoreArgs& a) {
  const int64_t elements = a.k.shape.count() + a.v.shape.count();
  return {0, a.k.bytes() + a.v.bytes() + elements * size_of(a.cache.dtype)};
}
OpCost cost(const AttentionArgs& a) {
  const int64_t head_dim = a.cache.head_dim;
  const int64_t kv_bytes = 2 * a.n_keys * a.cache.n_kv_heads * head_dim * size_of(a.cache.dtype);
  return {4 * a.n_keys * a.q.shape[1] * head_dim, kv_bytes + a.q.bytes() + a.out.bytes()};
}
OpCost cost(const SwiGluArgs& a) { return {5 * a.h.shape.count(), 3 * a.h.bytes()}; }
OpCost cost(const ArgmaxArgs& a) { return {a.logits.shape.count(), a.logits.bytes()}; }
OpCost cost(const AddRmsNormArgs& a) {
  OpCost total = cost(RmsNormArgs{a.x, a.w, a.eps, a.y});
  if (a.delta) total = total + OpCost{a.x.shape.count(), a.delta.bytes() + a.x.bytes()};
  return total;
}
OpCost cost(const QkvLinearArgs& a) {
  const int64_t out = a.wq.out + a.wk.out + a.wv.out;
  const int64_t weights = a.wq.bytes() + a.wk.bytes() + a.wv.bytes();
  return {2 * a.x.rows() * out * a.wq.in,
          a.x.bytes() + weights + a.q.bytes() + a.k.bytes() + a.v.bytes()};
}
OpCost cost(const QkNormRopeArgs& a) {
  OpCost total = cost(RopeArgs{a.q, a.positions, a.cos, a.sin}) +
                 cost(RopeArgs{a.k, a.positions, a.cos, a.sin}) +
                 cost(KvStoreArgs{a.k, a.v, a.positions, a.sequences, a.cache});
  if (a.q_norm) total.flops += 4 * (a.q.shape.count() + a.k.shape.count());
  return total;
}
OpCost cost(const GateUpSwiGluArgs& a) {
  const int64_t weights = a.w_gate.bytes() + a.w_up.bytes();
  return {4 * a.x.rows() * a.w_gate.out * a.w_gate.in + 5 * a.h.shape.count(),
          a.x.bytes() + weights + a.h.bytes()};
}
OpCost cost(const LogitsArgs& a) { return cost(LinearArgs{a.x, a.w, {}, a.y}); }

}  // namespace qwench
