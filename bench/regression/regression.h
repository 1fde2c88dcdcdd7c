// Is the present slower, later or larger than a saved result? Metric by metric, with a threshold each and
// an interval: a change is confirmed only where the whole interval lies beyond the threshold.
#pragma once
#include <string>
#include <vector>

#include "bench/support/statistics.h"

namespace qwench::bench {

/// Changes for the worse that are tolerated, as parts.
struct Thresholds {
  double speed = 0.05, first_token = 0.10, memory = 0.15;
};

enum class Change : unsigned char { kNone, kInconclusive, kRegressed };

/// One metric of one case, in both results.
struct MetricChange {
  std::string test_category;  // "prefill 512 tokens, batch 1, depth 0, 2 threads"
  std::string metric;         // "tokens_per_second", "first_token_latency_ms", "memory_usage_gb"
  double baseline = 0, current = 0;
  double change = 0;                 // as a part of the baseline, above 0 is worse
  std::optional<Interval> interval;  // 95 % of `change`; none where one figure is all there is
  double threshold = 0;
  Change verdict = Change::kNone;
  std::string reason;  // why it is inconclusive

  /// "critical" beyond twice the threshold, else "warning".
  const char* severity() const { return change > 2 * threshold ? "critical" : "warning"; }
};

struct RegressionReport {
  std::vector<MetricChange> metrics;
  std::vector<std::string> notes;  // cases that only one result has, another machine, a slower one

  bool any(Change verdict) const;
};

/// Compares the rows of two results of `qwench bench` (its JSON). Error naming `where` on a document that
/// is none, or of another schema.
RegressionReport find_regressions(const Json& baseline, const Json& current,
                                  const std::string& where, const Thresholds& thresholds);

/// {"regressions": [{"test_category", "metric", "baseline_value", "current_value", "change_percent",
/// "threshold_percent", "severity", "ci95_percent"}], "inconclusive": [the same with "reason"], "checked",
/// "notes"}.
OrderedJson to_json(const RegressionReport& report);
std::string to_string(const RegressionReport& report);

}  // namespace qwench::bench
