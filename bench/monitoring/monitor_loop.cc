// Waits are counted on the steady clock: setting the other one makes no interval longer.
#include "bench/monitoring/monitor_loop.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>

#include "bench/support/table.h"
#include "bench/support/utc.h"

namespace qwench::bench {

namespace {

/// False when the benchmark was stopped.
bool measure(HistoryEntry& entry, const MonitorHooks& hooks) {
  try {
    entry.sample = hooks.benchmark();
    return entry.sample.has_value();
  } catch (const std::exception& error) {
    entry.error = error.what();
    return true;
  }
}

std::string line_of(const HistoryEntry& entry) {
  const std::string when = utc_text(entry.unix_ns);
  if (!entry.sample) return when + "  error: " + entry.error;
  const MonitorSample& s = *entry.sample;
  return fmt::format(
      "{}  {}, {:.2f} tokens/s{}", when, format_ns(double(s.response_ns)), s.tokens_per_second(),
      s.memory_available_bytes ? ", " + format_bytes(*s.memory_available_bytes) + " available"
                               : "");
}

/// False when the entry is not on disk.
bool keep(const HistoryEntry& entry, const MonitorHooks& hooks) {
  hooks.say(line_of(entry));
  try {
    hooks.keep(entry);
    return true;
  } catch (const std::exception& error) {
    hooks.say(fmt::format("error: {}", error.what()));
    return false;
  }
}

}  // namespace

MonitorCounts run_monitor(const MonitorSettings& settings, Clock& clock,
                          const MonitorHooks& hooks) {
  MonitorCounts counts;
  for (int64_t done = 1;; ++done) {
    const int64_t begin = clock.steady_ns();
    HistoryEntry entry{clock.unix_ns(), settings.model_name, std::nullopt, "",
                       settings.configuration};
    if (!measure(entry, hooks)) {
      counts.stopped = true;
      break;
    }
    const bool good = keep(entry, hooks) && entry.sample;
    ++(good ? counts.samples : counts.errors);
    if (done == settings.count) break;
    const int64_t left = begin + settings.interval_ns - clock.steady_ns();
    if (!clock.wait(good ? std::max<int64_t>(left, 0) : settings.error_wait_ns)) {
      counts.stopped = true;
      break;
    }
  }
  return counts;
}

}  // namespace qwench::bench
