// Threads that end with their scope, and our own Error where the system makes no more of them.
#pragma once
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "engine/base/check.h"

namespace qwench {

/// What the work refers to must be declared before the group, which waits for it.
class Threads {
 public:
  Threads() = default;
  Threads(const Threads&) = delete;
  Threads& operator=(const Threads&) = delete;
  ~Threads() { join(); }

  /// Runs work() on one more thread; it must not throw. Error where there is none to be had.
  template <class Work>
  void start(Work work) {
    try {
      threads_.emplace_back(std::move(work));
    } catch (const std::system_error& error) {
      fail(
          "threads: the system makes no more than {} here ({}); use fewer with -t, or raise its "
          "limits "
          "(ulimit -u, ulimit -v)",
          threads_.size() + 1, error.code().message());
    }
  }

  /// Waits for all of them.
  void join() {
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  bool empty() const { return threads_.empty(); }

 private:
  std::vector<std::thread> threads_;
};

}  // namespace qwench
