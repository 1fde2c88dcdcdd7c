// Independent tasks on a few threads. Which thread runs a task never changes what it computes.
#pragma once
#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <vector>

#include "engine/base/threads.h"

namespace qwench {

/// Calls task(i) for i in [0, n), on up to `threads` threads of which the caller is one. The caller's
/// thread alone calls tick(tasks begun), which may be empty, between its tasks. What a task or tick
/// throws ends the others after their present task and is thrown here.
inline void for_each_task(int64_t n, int threads, const std::function<void(int64_t)>& task,
                          const std::function<void(int64_t)>& tick) {
  std::atomic<int64_t> next{0};
  std::atomic<bool> failed{false};
  std::vector<std::exception_ptr> errors(size_t(threads < 1 ? 1 : threads));
  const auto work = [&](size_t thread) {
    try {
      for (int64_t i; !failed && (i = next++) < n;) {
        task(i);
        if (thread == 0 && tick) tick(next < n ? next.load() : n);
      }
    } catch (...) {
      errors[thread] = std::current_exception();
      failed = true;
    }
  };
  Threads others;
  for (size_t thread = 1; thread < errors.size() && int64_t(thread) < n; ++thread)
    others.start([&work, thread] { work(thread); });
  work(0);
  others.join();
  for (const std::exception_ptr& error : errors)
    if (error) std::rethrow_exception(error);
}

}  // namespace qwench
