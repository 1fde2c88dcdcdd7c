// What the last 24 hours of a history say: how fast, how steady, and whether it is getting slower.
#pragma once
#include <string>
#include <vector>

#include "bench/monitoring/history.h"
#include "bench/support/statistics.h"

namespace qwench::bench {

constexpr int64_t kMonitorWindowNs = 24 * 3600 * int64_t(1'000'000'000);

/// The median of the later half of the samples beside that of the earlier half.
struct Trend {
  double first_median = 0, last_median = 0;
  double ratio = 1;              // last over first
  std::optional<Interval> ci95;  // bootstrap; none for fewer than 5 samples a half
  std::optional<double> drift;   // of the median per hour, as a part of it: Theil-Sen slope; none
                                 // for samples of less than an hour
  std::string verdict;           // "slower", "faster", "no trend", "too few samples"
};

struct TimedValue {
  int64_t unix_ns = 0;
  double value = 0;
};

/// Of response times in order: a trend is the interval without 1, and a change of 2 % at least. Contract:
/// not empty.
Trend find_trend(const std::vector<TimedValue>& times);

struct MonitorSummary {
  std::vector<HistoryEntry> entries;  // of this model and configuration within the window, by time
  int64_t older = 0;                  // left out: before the window
  int64_t other_models = 0;           // left out
  int64_t other_configurations = 0;   // left out: another type, thread count, prompt: no trend
};

/// `now` ends the window. Entries of the future (a clock that was set back) stay in.
MonitorSummary select_window(const std::vector<HistoryEntry>& entries,
                             const std::string& model_name, const std::string& configuration,
                             int64_t now_unix_ns);

OrderedJson samples_json(const MonitorSummary& summary);
/// {"window_hours", "samples", "errors", "older_entries", "other_models", "other_configurations", "response_time_ns",
/// "tokens_per_second", "memory_usage_percent" (as statistics.h writes a Summary, or null), "trend"}.
OrderedJson to_json(const MonitorSummary& summary);
std::string to_string(const MonitorSummary& summary);

}  // namespace qwench::bench
