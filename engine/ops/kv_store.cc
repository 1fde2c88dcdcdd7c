// Cost, contract and example of kv_store.
#include "engine/ops/kv_store.h"

#include "engine/ops/example.h"
#include "engine/ops/shape_checks.h"

namespace qwench {

OpCost cost(const KvStoreArgs& a) {
  const int64_t rows = a.k.rows(), head_dim = a.cache.head_dim;
  const int64_t stored =
      rows * (row_bytes(a.cache.k_type, head_dim) + row_bytes(a.cache.v_type, head_dim));
  return {0, a.k.bytes() + a.v.bytes() + stored};
}

void validate(const KvStoreArgs& a) {
  QWENCH_CHECK(is_cache(a.cache, a.k.cols()) && a.k.shape == a.v.shape);
  QWENCH_CHECK(is_heads(a.k, a.k.shape[0], a.cache.head_dim) && a.k.shape[1] == a.cache.n_kv_heads);
  QWENCH_CHECK(is_index(a.slots, a.k.shape[0]) && is_index(a.sequences, a.k.shape[0]));
}

KvStoreArgs example(Tag<KvStoreArgs>, const OpSizes& s, ExampleAllocator& m) {
  return {m.head_values(s, s.n_kv_heads), m.head_values(s, s.n_kv_heads), m.slots(s),
          m.sequences(s), m.cache_of(s)};
}

}  // namespace qwench
