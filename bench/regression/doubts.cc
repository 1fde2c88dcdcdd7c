// Each cause is a function; the first that has something to say is the one that is said.
#include "bench/regression/doubts.h"

#include <algorithm>
#include <cmath>

namespace qwench::bench {

namespace {

Doubt doubt_of_rate(const char* what, double before, double now, double threshold) {
  const double change = now / before - 1;
  if (std::fabs(change) <= threshold) return {};
  const std::string said =
      fmt::format("{} {} by {:.1f} %", what, change < 0 ? "fell" : "rose", 100 * std::fabs(change));
  return change < 0 ? Doubt{said, "", before / now - 1} : Doubt{"", said};
}

/// Decode is bound by memory: its times say little where the bandwidth itself has moved.
Doubt doubt_of_bandwidth(const RegressionArgs& args, const SavedCase& before,
                         const SavedCase& now) {
  if (is_across(args, kMachine)) return {};
  if (!before.read_bytes_per_second || !now.read_bytes_per_second) return {};
  return doubt_of_rate("the machine's own read bandwidth", *before.read_bytes_per_second,
                       *now.read_bytes_per_second, args.thresholds.speed);
}

/// Runs that `bench` flagged: those that scatter prove nothing became slower, and a neighbour makes slow what it
/// disturbs, whichever result that is.
Doubt doubt_of_runs(const SavedCase& before, const SavedCase& now) {
  const auto mostly = [](const SavedCase& c) {
    return 2 * c.contaminated_runs >= int64_t(c.tokens_per_second.size());
  };
  Doubt doubt;
  if (unstable(before.tokens_per_second)) doubt.slower = "the baseline: " + before.flags();
  if (unstable(now.tokens_per_second) || mostly(now)) doubt.slower = "now: " + now.flags();
  if (mostly(before)) doubt.faster = "the baseline: " + before.flags();
  return doubt;
}

}  // namespace

bool is_across(const RegressionArgs& args, const std::string& field) {
  return std::find(args.across.begin(), args.across.end(), field) != args.across.end();
}

std::string value_of(const SavedResult& result, const std::string& field) {
  for (const Condition& c : result.conditions)
    if (c.field == field) return c.value;
  return {};
}

Doubt doubt_of_all(const RegressionArgs& args) {
  if (is_across(args, kMachine)) return {};
  const std::string before = value_of(args.baseline, kMachine),
                    now = value_of(args.current, kMachine);
  if (before != now) {
    const std::string said = fmt::format("another machine: {}, now {}", before, now);
    return {said, said};
  }
  if (!args.baseline.fp32_peak || !args.current.fp32_peak) return {};
  return doubt_of_rate("the machine's own fp32 peak", *args.baseline.fp32_peak,
                       *args.current.fp32_peak, args.thresholds.speed);
}

Doubt doubt_of_case(const RegressionArgs& args, const Doubt& of_all, const SavedCase& before,
                    const SavedCase& now) {
  const bool known = !of_all.slower.empty() || !of_all.faster.empty();
  const Doubt of_machine = known ? of_all : doubt_of_bandwidth(args, before, now);
  const Doubt of_runs = doubt_of_runs(before, now);
  // Of two causes the one that explains any change is said.
  const bool runs = !of_runs.slower.empty() || of_machine.slower.empty();
  return {runs ? of_runs.slower : of_machine.slower,
          of_machine.faster.empty() ? of_runs.faster : of_machine.faster,
          runs ? of_runs.explains : of_machine.explains};
}

}  // namespace qwench::bench
