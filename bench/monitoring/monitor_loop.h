// The loop of a monitor: a benchmark every interval; after an error a wait, and on.
#pragma once
#include <functional>
#include <optional>
#include <string>

#include "bench/monitoring/clock.h"
#include "bench/monitoring/history.h"

namespace qwench::bench {

struct MonitorSettings {
  std::string model_name, configuration;
  int64_t interval_ns = 0;  // from the beginning of one benchmark to that of the next
  int64_t error_wait_ns = 60'000'000'000;
  int64_t count = 0;  // benchmarks, failed ones included; 0: until stopped
};

struct MonitorCounts {
  int64_t samples = 0, errors = 0;
  bool stopped = false;  // by a signal
};

struct MonitorHooks {
  std::function<std::optional<MonitorSample>()> benchmark;  // nothing: stopped
  std::function<void(const HistoryEntry&)> keep;            // may throw; then it is said, too
  std::function<void(const std::string&)> say;
};

/// A benchmark that takes longer than the interval is followed by the next at once. An exception of a
/// benchmark becomes an entry with `error`.
MonitorCounts run_monitor(const MonitorSettings& settings, Clock& clock, const MonitorHooks& hooks);

}  // namespace qwench::bench
