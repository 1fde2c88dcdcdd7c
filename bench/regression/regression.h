// Is the present slower, later or larger than a saved result? Metric by metric, with a threshold each and an
// interval: a change is confirmed where the whole interval lies beyond the threshold, ruled out where none of it
// does, and inconclusive in between.
#pragma once
#include <string>
#include <vector>

#include "bench/regression/saved_result.h"
#include "bench/support/statistics.h"

namespace qwench::bench {

/// Changes for the worse that are tolerated, as parts.
struct Thresholds {
  double speed = 0.05, first_token = 0.10, memory = 0.15;
};

enum class Change : unsigned char { kNone, kInconclusive, kRegressed };

/// "ok", "inconclusive", "regressed".
const char* name_of(Change change);

/// One metric of one case, in both results.
struct MetricChange {
  std::string test_category;  // "prefill 512 tokens, batch 1, depth 0, 2 threads, bf16 weights"
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
  std::vector<std::string> unknown;  // what the baseline has and nothing can be said of
  std::vector<std::string> notes;    // what a reader should know besides

  bool any(Change verdict) const;
  /// Of everything: kNone only where every case of the baseline was compared and none is worse.
  Change verdict() const;
};

struct RegressionArgs {
  SavedResult baseline, current;
  Thresholds thresholds = {};
  std::vector<std::string> across = {};  // conditions whose difference is meant
};

/// Error naming the conditions in which two results differ, both values and the way out, unless they are among
/// `across`. A difference of the machine is no error: find_regressions() says what it leaves open.
void require_alike(const RegressionArgs& args);

/// Compares the rows of two results that are alike. Error as require_alike().
RegressionReport find_regressions(const RegressionArgs& args);

/// {"verdict", "regressions": [{"test_category", "metric", "baseline_value", "current_value", "change_percent",
/// "threshold_percent", "severity", "ci95_percent"}], "inconclusive": [the same with "reason"], "unknown",
/// "checked", "notes"}.
OrderedJson to_json(const RegressionReport& report);
std::string to_string(const RegressionReport& report);

}  // namespace qwench::bench
