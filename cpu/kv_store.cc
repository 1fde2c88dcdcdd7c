// kv_store: keys and values into the cache.
#include "cpu/kv_page.h"
#include "cpu/ops.h"
#include "cpu/plugin_args.h"

namespace qwench::cpu {

namespace {

void kv_store_reference(const KvStoreArgs& a, Stream&) {
  const KvView& c = a.cache;
  for (int64_t t = 0; t < a.k.shape[0]; ++t) {
    const int64_t slot = a.slots.as<const int32_t>()[t];
    const int64_t sequence = a.sequences.as<const int32_t>()[t];
    for (int64_t h = 0; h < c.n_kv_heads; ++h) {
      const KvBlock block = kv_block(c, sequence, slot, h);
      const int64_t row = t * c.n_kv_heads + h;
      for (int64_t d = 0; d < c.head_dim; ++d) {
        store(block.k, c.k_type, key_place(slot, d), a.k.row<const float>(row)[d]);
        store(block.v, c.v_type, value_place(slot, d, c.head_dim), a.v.row<const float>(row)[d]);
      }
    }
  }
}

constexpr Kernel<KvStoreArgs> kKvStore[] = {
    {"reference", always_supported<KvStoreArgs>, kv_store_reference}};

void to_c(const KvStoreArgs& a, QwenchArgs& to) {
  to.kv_store = {tensor(a.k), tensor(a.v), tensor(a.slots), tensor(a.sequences), kv(a.cache)};
}

}  // namespace

template <>
CpuOp<KvStoreArgs> cpu_op() {
  return {kKvStore, to_c};
}

}  // namespace qwench::cpu
