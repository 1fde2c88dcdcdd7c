// Cost, contract and example of kv_store.
#include "engine/ops/kv_store.h"

#include "engine/ops/example.h"
#include "engine/ops/shape_checks.h"

namespace qwench {

OpCost cost(const KvStoreArgs& a) {
  const int64_t elements = a.k.shape.count() + a.v.shape.count();
  return {0, a.k.bytes() + a.v.bytes() + elements * size_of(a.cache.dtype)};
}

void validate(const KvStoreArgs& a) {
  QWENCH_CHECK(is_cache(a.cache, a.k.cols()) && a.k.shape == a.v.shape);
  QWENCH_CHECK(is_heads(a.k, a.k.shape[0], a.cache.head_dim) && a.k.shape[1] == a.cache.n_kv_heads);
  QWENCH_CHECK(is_index(a.positions, a.k.shape[0]) && is_index(a.sequences, a.k.shape[0]));
}

KvStoreArgs example(Tag<KvStoreArgs>, const OpSizes& s, ExampleAllocator& m) {
  return {m.head_values(s, s.n_kv_heads), m.head_values(s, s.n_kv_heads), m.positions(s),
          m.sequences(s), m.cache_of(s)};
}

}  // namespace qwench
