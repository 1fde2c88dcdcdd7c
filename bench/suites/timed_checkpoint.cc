// Threads that read at the same time count once.
#include "bench/suites/timed_checkpoint.h"

#include "bench/support/output.h"

namespace qwench::bench {

void TimedCheckpoint::enter() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (inside_++ == 0) since_ = now_ns();
}

void TimedCheckpoint::leave() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (--inside_ == 0) read_ns_ += now_ns() - since_;
}

void TimedCheckpoint::read(const TensorInfo& tensor, int64_t first, int64_t count, void* to) const {
  struct Inside {
    const TimedCheckpoint& checkpoint;
    explicit Inside(const TimedCheckpoint& c) : checkpoint(c) { checkpoint.enter(); }
    ~Inside() { checkpoint.leave(); }
  };
  const Inside inside(*this);
  from_.read(tensor, first, count, to);
}

}  // namespace qwench::bench
