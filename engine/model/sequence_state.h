// What one sequence carries from step to step: its tokens, and the pages that hold their keys and values. Pages are
// shared by whoever has the same beginning; who writes into a shared one gets a copy of it first.
#pragma once
#include <string>
#include <vector>

#include "engine/model/kv_pool.h"

namespace qwench {

class SequenceState {
 public:
  /// Of at most `capacity` slots. The pool outlives it.
  SequenceState(KvPool& pool, int64_t capacity);
  ~SequenceState() { truncate(0); }
  SequenceState(SequenceState&& o) noexcept;
  SequenceState& operator=(SequenceState&&) = delete;

  int64_t length() const { return int64_t(tokens_.size()); }
  int64_t capacity() const { return capacity_; }
  /// The tokens of its slots; kNoToken for a row that came as x.
  const std::vector<int32_t>& tokens() const { return tokens_; }
  static constexpr int32_t kNoToken = -1;
  /// Those of slots 0-63, 64-127 and so on.
  const std::vector<int32_t>& pages() const { return pages_; }
  /// Changes whenever pages() does.
  uint64_t version() const { return version_; }

  /// Makes pages of its own for n more slots. False, and nothing is changed, where the pool has not enough.
  bool reserve(int64_t n);
  /// The next n slots, which a pass has filled. tokens: null for rows that came as x. Contract: reserved.
  void append(const int32_t* tokens, int64_t n);
  /// Gives back the pages that are reserved and not filled.
  void trim();

  /// Forgets the slots from n on.
  void truncate(int64_t n);
  /// Becomes the first n slots of another sequence of the pool; nothing is copied until one of them goes on.
  void share(const SequenceState& from, int64_t n);
  /// The state as it is now, to restore later. It keeps its pages meanwhile.
  SequenceState snapshot() const;
  void restore(const SequenceState& snapshot) { share(snapshot, snapshot.length()); }

 private:
  KvPool& pool_;
  int64_t capacity_;
  std::vector<int32_t> tokens_, pages_;
  uint64_t version_ = 1;
};

}  // namespace qwench
