// A job of one chunk a thread, whose caller waits inside its own chunk until all others have come: left
// alone it would take theirs too, and nothing would be seen of a thread that wakes up slowly.
#include "cpu/team_probe.h"

#include <atomic>
#include <chrono>
#include <thread>

#include "cpu/probe_race.h"
#include "cpu/team.h"

namespace qwench::cpu {

namespace {

constexpr double kLate = 5e-3;  // seconds

/// Nanoseconds until the last thread came; negative where one did not come in time.
double call(Team& team) {
  std::atomic<int> waited_for{team.size() - 1};
  std::atomic<double> last{0};
  const double start = seconds_now();
  team.parallel_for(team.size(), 1, [&](int64_t, int64_t, int) {
    const double now = seconds_now();
    // The one that finds nobody missing is the last; everyone waits, so that no thread comes twice.
    if (waited_for.fetch_sub(1) == 0) last.store(now);
    while (waited_for.load() >= 0 && seconds_now() - start < kLate) {
    }
  });
  const double taken = last.load() - start;
  return taken < kLate ? taken * 1e9 : -1;
}

}  // namespace

StartLatency measure_start_latency(int threads, int runs) {
  StartLatency latency;
  if (threads < 2) return latency;
  Team team(threads);
  const auto add = [&](std::vector<double>& to) {
    const double ns = call(team);
    if (ns >= 0)
      to.push_back(ns);
    else
      ++latency.late;
  };
  for (int i = 0; i < runs; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    add(latency.asleep_ns);
    add(latency.awake_ns);
  }
  return latency;
}

}  // namespace qwench::cpu
