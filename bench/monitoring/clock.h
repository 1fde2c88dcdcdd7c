// The time that a monitor sees and waits by; tests replace it, so that a day passes at once.
#pragma once
#include <cstdint>

namespace qwench::bench {

class Clock {
 public:
  virtual ~Clock() = default;
  /// Only moves forward; its zero means nothing.
  virtual int64_t steady_ns() = 0;
  /// Since 1970; may be set back.
  virtual int64_t unix_ns() = 0;
  /// Sleeps so long. False, at once, when the program was asked to stop.
  virtual bool wait(int64_t ns) = 0;
};

/// Stops waiting within 50 ms of a signal that an InterruptGuard caught.
class SystemClock : public Clock {
 public:
  int64_t steady_ns() override;
  int64_t unix_ns() override;
  bool wait(int64_t ns) override;
};

}  // namespace qwench::bench
