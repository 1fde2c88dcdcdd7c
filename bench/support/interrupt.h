// Ctrl-C and SIGTERM end a run after the pass in progress, so that what was finished can be printed. A second
// one, half a second or more after the first, ends the program at once.
#pragma once
#include "engine/base/check.h"

namespace qwench::bench {

/// From here to the end of its scope the first SIGINT or SIGTERM only sets a flag. One inside another's scope
/// changes nothing: the flag is the outer one's.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
};

/// True once a signal came in the scope of a guard. Model passes and loading ask it, and end by Cancelled.
bool interrupted();
/// True when it was SIGTERM, which is meant for the program, where Ctrl-C may be for an answer.
bool terminated();

/// Runs it; false when it was cancelled.
template <class Work>
bool finished(Work&& work) {
  try {
    work();
    return true;
  } catch (const Cancelled&) {
    return false;
  }
}

}  // namespace qwench::bench
