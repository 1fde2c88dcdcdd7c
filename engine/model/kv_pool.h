// Keys and values of all layers in pages that sequences take, share and give back. Memory is [layer][page]; a page
// has the same number in every layer. What lies where in a page is the backend's business.
#pragma once
#include <string>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/config/config.h"

namespace qwench {

/// The type of a cache's keys and values.
struct KvDType {
  DType dtype = DType::kF32;
  bool widen =
      false;  // f32 in the layers whose keys 16 bits do not hold (ModelConfig::wide_key_layers)
};

/// What a page of each layer holds.
std::vector<KvShape> kv_shapes(const ModelConfig& config, KvDType type);

/// Their types for people: "f16", or "f16, f32 in layers 0 3", the type of most layers first.
std::string kv_text(const std::vector<KvShape>& layers);

/// Pages that a sequence of so many slots takes.
constexpr int64_t kv_pages(int64_t slots) { return (slots + kKvBlock - 1) / kKvBlock; }

class KvPool {
 public:
  KvPool(Backend& backend, std::vector<KvShape> layers, int64_t n_pages);

  /// Bytes of so many pages of all layers.
  static int64_t bytes(const std::vector<KvShape>& layers, int64_t n_pages);

  int64_t n_pages() const { return int64_t(owners_.size()); }
  int64_t n_free() const { return int64_t(free_.size()); }

  /// A page that has no owner; the caller is its first one. Contract: n_free() > 0.
  int32_t take();
  /// One more owner, one less; a page without any is free.
  void share(int32_t page) { ++owners_[size_t(page)]; }
  void release(int32_t page);
  bool is_shared(int32_t page) const { return owners_[size_t(page)] > 1; }
  /// Keys and values of all layers from one page to another.
  void copy(int32_t from, int32_t to);

  const std::vector<KvShape>& layers() const { return layers_; }
  /// A layer as the ops see it through a page table [n_seq, pages of a sequence].
  KvView view(int64_t layer, const TensorView& page_table) const;
  /// Where a page of a layer lies, and its bytes.
  void* page(int64_t layer, int32_t page) const;
  int64_t page_bytes(int64_t layer) const { return layers_[size_t(layer)].bytes(); }

 private:
  Backend& backend_;
  std::vector<KvShape> layers_;
  Buffer storage_;
  std::vector<int64_t> first_;   // per layer: offset of page 0
  std::vector<int32_t> owners_;  // per page
  std::vector<int32_t> free_;    // the last one is taken next
};

}  // namespace qwench
