// Ctrl-C ends a run after the step in progress, so that what was finished can be printed. A second
// Ctrl-C ends the program at once.
#pragma once

namespace qwench::bench {

/// From here to the end of its scope the first SIGINT only sets a flag.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
};

bool interrupted();

}  // namespace qwench::bench
