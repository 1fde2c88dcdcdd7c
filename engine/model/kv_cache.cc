// Every sequence has its pages for good: those of sequence s are s * n, s * n + 1, ... of n a sequence.
#include "engine/model/kv_cache.h"

#include <numeric>

#include "engine/base/checked.h"

namespace qwench {

namespace {

int64_t pages_of(int64_t n_seq, int64_t capacity) {
  return checked_mul(n_seq, round_up(capacity, kKvBlock) / kKvBlock, "KV cache pages");
}

/// Keys and values of a page of one layer.
int64_t page_bytes(const ModelConfig& config, DType dtype) {
  return 2 * kv_bytes(dtype, config.n_kv_heads, config.head_dim);
}

}  // namespace

int64_t KvCache::bytes(const ModelConfig& config, int64_t n_seq, int64_t capacity, DType dtype) {
  const int64_t layer =
      checked_mul(pages_of(n_seq, capacity), page_bytes(config, dtype), "KV cache bytes");
  return checked_mul(layer, config.n_layers, "KV cache bytes");
}

int64_t KvCache::table_bytes(int64_t n_seq, int64_t capacity) {
  return checked_mul(pages_of(n_seq, capacity), int64_t(sizeof(int32_t)), "page table bytes");
}

KvCache::KvCache(Backend& backend, const ModelConfig& config, int64_t n_seq, int64_t capacity,
                 DType dtype)
    : storage_(backend.allocate(bytes(config, n_seq, capacity, dtype), MemoryKind::kKvCache)),
      table_(backend.allocate(table_bytes(n_seq, capacity), MemoryKind::kActivations)) {
  const int64_t n_pages = pages_of(n_seq, capacity);
  std::vector<int32_t> pages(static_cast<size_t>(n_pages));
  std::iota(pages.begin(), pages.end(), 0);
  backend.upload(table_.data(), pages.data(), table_.bytes());
  KvView view;
  view.page_bytes = page_bytes(config, dtype);
  view.k_type = view.v_type = dtype;
  view.n_pages = n_pages, view.n_kv_heads = config.n_kv_heads, view.head_dim = config.head_dim;
  view.page_table = {table_.data(), DType::kI32, {n_seq, n_pages / n_seq}};
  char* at = static_cast<char*>(storage_.data());
  for (int64_t i = 0; i < config.n_layers; ++i, at += n_pages * view.page_bytes) {
    view.k = at, view.v = at + view.page_bytes / 2;
    views_.push_back(view);
  }
}

void KvCache::copy_prefix(Backend& backend, int64_t from, int64_t to, int64_t n) const {
  const int64_t of_sequence = capacity() / kKvBlock;
  std::vector<char> staging(size_t(ceil_div(n, kKvBlock) * views_.front().page_bytes));
  for (const KvView& view : views_) {
    char* const first = static_cast<char*>(view.k);
    const int64_t bytes = int64_t(staging.size()), step = of_sequence * view.page_bytes;
    backend.download(staging.data(), first + from * step, bytes);
    backend.upload(first + to * step, staging.data(), bytes);
  }
}

}  // namespace qwench
