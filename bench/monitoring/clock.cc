// A signal may reach any thread, so the sleep of this one cannot count on being cut short by it.
#include "bench/monitoring/clock.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "bench/support/interrupt.h"
#include "bench/support/output.h"
#include "bench/support/utc.h"

namespace qwench::bench {

int64_t SystemClock::steady_ns() { return now_ns(); }
int64_t SystemClock::unix_ns() { return unix_now_ns(); }

bool SystemClock::wait(int64_t ns) {
  constexpr int64_t kPiece = 50'000'000;
  const int64_t end = now_ns() + ns;
  for (int64_t left = ns; left > 0 && !interrupted(); left = end - now_ns())
    std::this_thread::sleep_for(std::chrono::nanoseconds(std::min(left, kPiece)));
  return !interrupted();
}

}  // namespace qwench::bench
