// Keys and values of all layers of a session: pages in one buffer, [layer][page], and the table that says
// which pages a sequence has.
#pragma once
#include <vector>

#include "engine/backend/backend.h"
#include "engine/config/config.h"

namespace qwench {

class KvCache {
 public:
  KvCache(Backend& backend, const ModelConfig& config, int64_t n_seq, int64_t capacity,
          DType dtype);

  /// Bytes of the keys and values of a cache of these sizes.
  static int64_t bytes(const ModelConfig& config, int64_t n_seq, int64_t capacity, DType dtype);
  /// Bytes of its page table, which counts to the activations.
  static int64_t table_bytes(int64_t n_seq, int64_t capacity);

  const KvView& view(int64_t layer) const { return views_[size_t(layer)]; }
  int64_t capacity() const { return views_.front().capacity(); }
  /// Copies slots [0, n) of one sequence to another, in every layer.
  void copy_prefix(Backend& backend, int64_t from, int64_t to, int64_t n) const;

 private:
  Buffer storage_, table_;
  std::vector<KvView> views_;
};

}  // namespace qwench
