// Cost, contract and example of qk_norm_rope.
#include "engine/ops/qk_norm_rope.h"

#include "engine/ops/example.h"
#include "engine/ops/shape_checks.h"

namespace qwench {

OpCost cost(const QkNormRopeArgs& a) {
  OpCost total = cost(RopeArgs{a.q, a.rotation}) + cost(RopeArgs{a.k, a.rotation}) +
                 cost(KvStoreArgs{a.k, a.v, a.slots, a.sequences, a.cache});
  if (a.q_norm) total.flops += 4 * (a.q.shape.count() + a.k.shape.count());
  return total;
}

void validate(const QkNormRopeArgs& a) {
  compose(a, [](const auto& part) { validate(part); });
  QWENCH_CHECK(!a.q_norm.data == !a.k_norm.data);
}

QkNormRopeArgs example(Tag<QkNormRopeArgs>, const OpSizes& s, ExampleAllocator& m) {
  QkNormRopeArgs a;
  a.q = m.head_values(s, s.n_heads);
  a.k = m.head_values(s, s.n_kv_heads), a.v = m.head_values(s, s.n_kv_heads);
  if (s.qk_norm) a.q_norm = m.values({s.head_dim}), a.k_norm = m.values({s.head_dim});
  a.eps = s.eps;
  a.rotation = m.rotation(s);
  a.slots = m.slots(s), a.sequences = m.sequences(s);
  a.cache = m.cache_of(s);
  return a;
}

}  // namespace qwench
