// One allocation for all layers: per layer the keys, then the values.
#include "engine/model/kv_cache.h"

#include "engine/base/checked.h"

namespace qwench {

namespace {
int64_t elements_per_layer(const ModelConfig& config, int64_t n_seq, int64_t capacity) {
  const int64_t positions = checked_mul(n_seq, round_up(capacity, kKvBlock), "KV cache positions");
  return checked_mul(positions, config.kv_dim(), "KV cache elements");
}
}  // namespace

int64_t KvCache::bytes(const ModelConfig& config, int64_t n_seq, int64_t capacity, DType dtype) {
  const int64_t layer = checked_mul(elements_per_layer(config, n_seq, capacity), 2 * size_of(dtype),
                                    "KV cache bytes");
  return checked_mul(layer, config.n_layers, "KV cache bytes");
}

KvCache::KvCache(Backend& backend, const ModelConfig& config, int64_t n_seq, int64_t capacity,
                 DType dtype)
    : storage_(backend.allocate(bytes(config, n_seq, capacity, dtype), MemoryKind::kKvCache)) {
  const int64_t step = elements_per_layer(config, n_seq, capacity) * size_of(dtype);
  char* at = static_cast<char*>(storage_.data());
  for (int64_t i = 0; i < config.n_layers; ++i, at += 2 * step)
    views_.push_back({at, at + step, dtype, n_seq, config.n_kv_heads, round_up(capacity, kKvBlock),
                      config.head_dim});
}

void KvCache::copy_prefix(Backend& backend, int64_t from, int64_t to, int64_t n) const {
  std::vector<char> staging;
  for (const KvView& view : views_) {
    const int64_t bytes = round_up(n, kKvBlock) * view.head_dim * size_of(view.dtype);
    staging.resize(size_t(bytes));
    for (int64_t head = 0; head < view.n_kv_heads; ++head)
      for (void* base : {view.k, view.v}) {
        char* start = static_cast<char*>(base);
        const int64_t size = size_of(view.dtype);
        backend.download(staging.data(), start + view.v_index(from, head, 0, 0) * size, bytes);
        backend.upload(start + view.v_index(to, head, 0, 0) * size, staging.data(), bytes);
      }
  }
}

}  // namespace qwench
