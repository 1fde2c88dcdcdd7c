// Who has which page is counted here on the host; keys and values never leave the backend.
#include "engine/model/kv_pool.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <map>

#include "engine/base/checked.h"

namespace qwench {

std::vector<KvShape> kv_shapes(const ModelConfig& config, KvDType type) {
  const KvShape shape{type.dtype, type.dtype, config.n_kv_heads, config.head_dim};
  std::vector<KvShape> layers(size_t(config.n_layers), shape);
  for (const int64_t layer : config.wide_key_layers)
    if (type.widen && layer < config.n_layers)
      layers[size_t(layer)].k_type = layers[size_t(layer)].v_type = DType::kF32;
  return layers;
}

std::string kv_text(const std::vector<KvShape>& layers) {
  std::map<std::string, std::vector<size_t>> of_type;
  for (size_t i = 0; i < layers.size(); ++i) {
    std::string type(name_of(layers[i].k_type));
    if (layers[i].v_type != layers[i].k_type)
      type += fmt::format(" and {}", name_of(layers[i].v_type));
    of_type[type].push_back(i);
  }
  using Entry = decltype(of_type)::value_type;
  const auto most = std::max_element(
      of_type.begin(), of_type.end(),
      [](const Entry& a, const Entry& b) { return a.second.size() < b.second.size(); });
  std::string text = most == of_type.end() ? "" : most->first;
  for (const auto& [type, which] : of_type)
    if (type != most->first) text += fmt::format(", {} in layers {}", type, fmt::join(which, " "));
  return text;
}

int64_t KvPool::bytes(const std::vector<KvShape>& layers, int64_t n_pages) {
  int64_t of_page = 0;
  for (const KvShape& layer : layers)
    of_page = checked_add(of_page, layer.bytes(), "KV cache bytes");
  return checked_mul(n_pages, of_page, "KV cache bytes");
}

KvPool::KvPool(Backend& backend, std::vector<KvShape> layers, int64_t n_pages)
    : backend_(backend),
      layers_(std::move(layers)),
      storage_(backend.allocate(bytes(layers_, n_pages), MemoryKind::kKvCache)),
      owners_(size_t(n_pages), 0) {
  int64_t at = 0;
  for (size_t i = 0; i < layers_.size(); ++i) {
    first_.push_back(at);
    at += n_pages * page_bytes(int64_t(i));
  }
  for (int64_t page = n_pages; page-- > 0;) free_.push_back(int32_t(page));
}

int32_t KvPool::take() {
  QWENCH_CHECK(!free_.empty());
  const int32_t page = free_.back();
  free_.pop_back();
  owners_[size_t(page)] = 1;
  return page;
}

void KvPool::release(int32_t page) {
  QWENCH_CHECK(owners_[size_t(page)] > 0);
  if (--owners_[size_t(page)] == 0) free_.push_back(page);
}

void KvPool::copy(int32_t from, int32_t to) {
  for (int64_t layer = 0; layer < int64_t(layers_.size()); ++layer)
    backend_.copy(page(layer, to), page(layer, from), page_bytes(layer));
}

void* KvPool::page(int64_t layer, int32_t page) const {
  return static_cast<char*>(storage_.data()) + first_[size_t(layer)] + page * page_bytes(layer);
}

KvView KvPool::view(int64_t layer, const TensorView& page_table) const {
  return {layers_[size_t(layer)], page(layer, 0), n_pages(), page_table};
}

}  // namespace qwench
