// Cost, contract and example of qk_norm_rope.
#include "engine/ops/qk_norm_rope.h"

#include "engine/ops/example.h"
#include "engine/ops/shape_checks.h"

namespace qwench {

OpCost cost(const QkNormRopeArgs& a) {
  OpCost total = cost(RopeArgs{a.q, a.positions, a.cos, a.sin}) +
                 cost(RopeArgs{a.k, a.positions, a.cos, a.sin}) +
                 cost(KvStoreArgs{a.k, a.v, a.positions, a.sequences, a.cache});
  if (a.q_norm) total.flops += 4 * (a.q.shape.count() + a.k.shape.count());
  return total;
}

void validate(const QkNormRopeArgs& a) {
  compose(a, [](const auto& part) { validate(part); });
  QWENCH_CHECK(!a.q_norm.data == !a.k_norm.data);
}

QkNormRopeArgs example(Tag<QkNormRopeArgs>, const OpSizes& s, ExampleAllocator& m) {
  const Shape table{s.capacity(), s.head_dim / 2};
  QkNormRopeArgs a;
  a.q = m.head_values(s, s.n_heads);
  a.k = m.head_values(s, s.n_kv_heads), a.v = m.head_values(s, s.n_kv_heads);
  if (s.qk_norm) a.q_norm = m.values({s.head_dim}), a.k_norm = m.values({s.head_dim});
  a.eps = s.eps;
  a.positions = m.positions(s), a.sequences = m.sequences(s);
  a.cos = m.values(table), a.sin = m.values(table);
  a.cache = m.cache_of(s);
  return a;
}

}  // namespace qwench
