// Copy on write: only the page that the next slot falls into can be both shared and written.
#include "engine/model/sequence_state.h"

#include <algorithm>

namespace qwench {

SequenceState::SequenceState(KvPool& pool, int64_t capacity) : pool_(pool), capacity_(capacity) {
  tokens_.reserve(size_t(capacity));
  pages_.reserve(size_t(kv_pages(capacity)));
}

SequenceState::SequenceState(SequenceState&& o) noexcept
    : pool_(o.pool_),
      capacity_(o.capacity_),
      tokens_(std::move(o.tokens_)),
      pages_(std::move(o.pages_)),
      version_(o.version_) {
  o.tokens_.clear(), o.pages_.clear();
}

bool SequenceState::reserve(int64_t n) {
  QWENCH_CHECK(n >= 0 && n <= capacity_ - length());
  const int64_t had = int64_t(pages_.size()), needed = kv_pages(length() + n);
  const size_t open = size_t(length() / kKvBlock);  // the page of the next slot
  const bool copies = n > 0 && length() % kKvBlock && pool_.is_shared(pages_[open]);
  if (std::max<int64_t>(needed - had, 0) + copies > pool_.n_free()) return false;
  if (copies) {
    const int32_t own = pool_.take();
    pool_.copy(pages_[open], own);
    pool_.release(pages_[open]);
    pages_[open] = own;
  }
  while (int64_t(pages_.size()) < needed) pages_.push_back(pool_.take());
  if (copies || needed > had) ++version_;
  return true;
}

void SequenceState::append(const int32_t* tokens, int64_t n) {
  QWENCH_CHECK(kv_pages(length() + n) <= int64_t(pages_.size()));
  if (tokens)
    tokens_.insert(tokens_.end(), tokens, tokens + n);
  else
    tokens_.insert(tokens_.end(), size_t(n), kNoToken);
}

void SequenceState::trim() {
  while (int64_t(pages_.size()) > kv_pages(length())) {
    pool_.release(pages_.back());
    pages_.pop_back();
    ++version_;
  }
}

void SequenceState::truncate(int64_t n) {
  QWENCH_CHECK(n >= 0 && n <= length());
  tokens_.resize(size_t(n));
  trim();
}

void SequenceState::share(const SequenceState& from, int64_t n) {
  QWENCH_CHECK(&pool_ == &from.pool_ && n >= 0 && n <= from.length() && n <= capacity_);
  if (this == &from) return truncate(n);
  truncate(0);
  tokens_.assign(from.tokens_.begin(), from.tokens_.begin() + n);
  pages_.assign(from.pages_.begin(), from.pages_.begin() + kv_pages(n));
  for (const int32_t page : pages_) pool_.share(page);
  ++version_;
}

SequenceState SequenceState::snapshot() const {
  SequenceState same(pool_, capacity_);
  same.share(*this, length());
  return same;
}

}  // namespace qwench
