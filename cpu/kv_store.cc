// kv_store: keys and values into the cache.
#include "cpu/ops.h"
#include "cpu/plugin_args.h"

namespace qwench::cpu {

namespace {

void put(const KvView& cache, void* base, int64_t index, float value) {
  if (cache.dtype == DType::kF32)
    static_cast<float*>(base)[index] = value;
  else
    static_cast<uint16_t*>(base)[index] = f32_to_f16(value);
}

void kv_store_reference(const KvStoreArgs& a, Stream&) {
  const KvView& c = a.cache;
  for (int64_t t = 0; t < a.k.shape[0]; ++t) {
    const int64_t pos = a.positions.as<const int32_t>()[t];
    const int64_t seq = a.sequences.as<const int32_t>()[t];
    for (int64_t h = 0; h < c.n_kv_heads; ++h)
      for (int64_t d = 0; d < c.head_dim; ++d) {
        const int64_t row = t * c.n_kv_heads + h;
        put(c, c.k, c.k_index(seq, h, pos, d), a.k.row<const float>(row)[d]);
        put(c, c.v, c.v_index(seq, h, pos, d), a.v.row<const float>(row)[d]);
      }
  }
}

constexpr Kernel<KvStoreArgs> kKvStore[] = {
    {"reference", always_supported<KvStoreArgs>, kv_store_reference}};

void to_c(const KvStoreArgs& a, QwenchArgs& to) {
  to.kv_store = {tensor(a.k), tensor(a.v), tensor(a.positions), tensor(a.sequences), kv(a.cache)};
}

}  // namespace

template <>
CpuOp<KvStoreArgs> cpu_op() {
  return {kKvStore, to_c};
}

}  // namespace qwench::cpu
