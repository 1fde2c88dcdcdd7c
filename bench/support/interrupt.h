// Ctrl-C ends a run after the step in progress, so that what was finished can be printed. A second
// Ctrl-C ends the program at once.
#pragma once

namespace qwench::bench {

enum class Signals : unsigned char { kInterrupt, kInterruptAndTerminate };

/// From here to the end of its scope the first SIGINT, and SIGTERM if asked for, only sets a flag.
class InterruptGuard {
 public:
  explicit InterruptGuard(Signals signals = Signals::kInterrupt);
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

 private:
  Signals signals_;
};

bool interrupted();

}  // namespace qwench::bench
