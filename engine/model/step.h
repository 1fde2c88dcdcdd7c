// What goes into a step of a session and what comes out of it.
#pragma once
#include "engine/base/tensor.h"

namespace qwench {

/// Which tokens of an item get logits.
enum class WantLogits : uint8_t { kNone, kLast, kAll, kSome };

/// What one sequence does in a step: n tokens go to its end, or n rows of x in their place.
struct StepItem {
  int64_t sequence = 0;
  const int32_t* tokens = nullptr;  // [n]; null: rows of x
  int64_t n = 0;
  WantLogits logits = WantLogits::kLast;
  TensorView x = {};              // [n, dim] f32 in the backend's memory
  const int64_t* some = nullptr;  // of kSome: which of the n, ascending
  int64_t n_some = 0;

  /// f(i) for the tokens first <= i < first + count that get logits, ascending.
  template <class F>
  void for_each_logits(int64_t first, int64_t count, const F& f) const {
    if (logits == WantLogits::kLast && first + count == n) f(n - 1);
    if (logits == WantLogits::kAll)
      for (int64_t i = first; i < first + count; ++i) f(i);
    if (logits == WantLogits::kSome)
      for (int64_t i = 0; i < n_some; ++i)
        if (some[i] >= first && some[i] < first + count) f(some[i]);
  }
  int64_t n_logits() const {
    if (logits == WantLogits::kSome) return n_some;
    return logits == WantLogits::kNone ? 0 : logits == WantLogits::kLast ? 1 : n;
  }
};

/// What became of an item. Its tokens are in the sequence; where it failed the sequence is as it was before.
enum class ItemEnd : uint8_t {
  kDone,
  kNonfinite,  // NaN or Inf in its logits
  kNoPage,     // the pool had no pages left for it
};
struct ItemResult {
  ItemEnd end = ItemEnd::kDone;
  int64_t first_row = 0, n_rows = 0;  // of the logits
};

}  // namespace qwench
