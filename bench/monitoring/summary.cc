// Medians throughout: one benchmark that met a backup job is no trend.
#include "bench/monitoring/summary.h"

#include <algorithm>
#include <cmath>

#include "bench/support/output.h"
#include "bench/support/table.h"
#include "engine/base/check.h"

namespace qwench::bench {

namespace {

/// Every k-th, so that at most `most` are left: a day of half seconds has 172,800.
std::vector<TimedValue> thinned(const std::vector<TimedValue>& all, size_t most) {
  const size_t step = (all.size() + most - 1) / most;
  std::vector<TimedValue> some;
  for (size_t i = 0; i < all.size(); i += std::max<size_t>(step, 1)) some.push_back(all[i]);
  return some;
}

/// Median of the slopes between all pairs, per hour; none where they span less than one.
std::optional<double> median_slope(const std::vector<TimedValue>& values) {
  constexpr size_t kMost = 300;
  constexpr int64_t kHour = 3'600'000'000'000;
  if (values.back().unix_ns - values.front().unix_ns < kHour) return std::nullopt;
  const std::vector<TimedValue> some = thinned(values, kMost);
  std::vector<double> slopes;
  for (size_t i = 0; i < some.size(); ++i)
    for (size_t j = i + 1; j < some.size(); ++j)
      if (const double hours = double(some[j].unix_ns - some[i].unix_ns) / 3600e9; hours > 0)
        slopes.push_back((some[j].value - some[i].value) / hours);
  if (slopes.empty()) return std::nullopt;
  return median(std::move(slopes));
}

std::vector<double> values_of(const std::vector<TimedValue>& timed) {
  std::vector<double> values;
  for (const TimedValue& t : timed) values.push_back(t.value);
  return values;
}

std::optional<Interval> ratio_interval(const std::vector<double>& first,
                                       const std::vector<double>& last) {
  return two_sample_interval(first, last, 5,
                             [](double before, double after) { return after / before; });
}

std::vector<TimedValue> response_times(const MonitorSummary& summary) {
  std::vector<TimedValue> times;
  for (const HistoryEntry& e : summary.entries)
    if (e.sample) times.push_back({e.unix_ns, double(e.sample->response_ns)});
  return times;
}

/// Null where there is no value.
OrderedJson summary_or_null(std::vector<double> values) {
  if (values.empty()) return nullptr;
  return to_json(summarize(std::move(values)));
}

OrderedJson trend_json(const Trend& trend) {
  return {{"metric", "response_time_ns"},
          {"first_half_median", trend.first_median},
          {"last_half_median", trend.last_median},
          {"ratio", trend.ratio},
          {"ci95", trend.ci95 ? OrderedJson{trend.ci95->lo, trend.ci95->hi} : OrderedJson(nullptr)},
          {"drift_percent_per_hour",
           number_or_null(100 * trend.drift.value_or(0), trend.drift.has_value())},
          {"verdict", trend.verdict}};
}

std::string trend_text(const Trend& trend) {
  std::string text = fmt::format("trend: {}", trend.verdict);
  if (trend.ci95)
    text += fmt::format("; later half / earlier half {:.3f} (95 % interval {:.3f} to {:.3f})",
                        trend.ratio, trend.ci95->lo, trend.ci95->hi);
  if (trend.ci95 && trend.drift) text += fmt::format(", {:+.2f} % per hour", 100 * *trend.drift);
  return text + "\n";
}

}  // namespace

Trend find_trend(const std::vector<TimedValue>& times) {
  constexpr double kMargin = 0.02;
  constexpr size_t kMost = 2000;  // samples of the bootstrap
  QWENCH_CHECK(!times.empty());
  const std::vector<double> all = values_of(thinned(times, kMost));
  const auto middle = all.begin() + int64_t((all.size() + 1) / 2);
  const std::vector<double> first(all.begin(), middle);
  const std::vector<double> last(all.size() > 1 ? middle : all.begin(), all.end());
  Trend trend;
  trend.first_median = median(first), trend.last_median = median(last);
  trend.ratio = trend.last_median / trend.first_median;
  trend.ci95 = ratio_interval(first, last);
  if (const std::optional<double> slope = median_slope(times)) trend.drift = *slope / median(all);
  if (!trend.ci95)
    trend.verdict = "too few samples";
  else if (trend.ci95->lo > 1 && trend.ratio > 1 + kMargin)
    trend.verdict = "slower";
  else if (trend.ci95->hi < 1 && trend.ratio < 1 - kMargin)
    trend.verdict = "faster";
  else
    trend.verdict = "no trend";
  return trend;
}

MonitorSummary select_window(const std::vector<HistoryEntry>& entries,
                             const std::string& model_name, const std::string& configuration,
                             int64_t now_unix_ns) {
  MonitorSummary summary;
  for (const HistoryEntry& e : entries) {
    if (e.model_name != model_name)
      ++summary.other_models;
    else if (e.configuration != configuration)
      ++summary.other_configurations;
    else if (e.unix_ns < now_unix_ns - kMonitorWindowNs)
      ++summary.older;
    else
      summary.entries.push_back(e);
  }
  std::stable_sort(
      summary.entries.begin(), summary.entries.end(),
      [](const HistoryEntry& a, const HistoryEntry& b) { return a.unix_ns < b.unix_ns; });
  return summary;
}

OrderedJson samples_json(const MonitorSummary& summary) {
  OrderedJson samples = OrderedJson::array();
  for (const HistoryEntry& e : summary.entries) samples.push_back(to_json(e));
  return samples;
}

OrderedJson to_json(const MonitorSummary& summary) {
  std::vector<double> memory, speeds;
  for (const HistoryEntry& e : summary.entries) {
    if (!e.sample) continue;
    speeds.push_back(e.sample->tokens_per_second());
    if (e.sample->memory_usage_percent) memory.push_back(*e.sample->memory_usage_percent);
  }
  const std::vector<TimedValue> times = response_times(summary);
  OrderedJson trend = nullptr;
  if (!times.empty()) trend = trend_json(find_trend(times));
  return {{"window_hours", 24},
          {"samples", times.size()},
          {"errors", summary.entries.size() - times.size()},
          {"older_entries", summary.older},
          {"other_models", summary.other_models},
          {"other_configurations", summary.other_configurations},
          {"response_time_ns", summary_or_null(values_of(times))},
          {"tokens_per_second", summary_or_null(std::move(speeds))},
          {"memory_usage_percent", summary_or_null(std::move(memory))},
          {"trend", trend}};
}

std::string to_string(const MonitorSummary& summary) {
  const std::vector<TimedValue> times = response_times(summary);
  const size_t errors = summary.entries.size() - times.size();
  std::string text = fmt::format("last 24 hours: {} benchmark{}, {} error{}", times.size(),
                                 times.size() == 1 ? "" : "s", errors, errors == 1 ? "" : "s");
  if (summary.older) text += fmt::format("; {} older entries left out", summary.older);
  if (summary.other_models)
    text += fmt::format("; {} entries of other models left out", summary.other_models);
  if (summary.other_configurations)
    text +=
        fmt::format("; {} entries of other configurations left out", summary.other_configurations);
  text += "\n";
  if (times.empty()) return text;
  const Summary s = summarize(values_of(times));
  text += fmt::format("response time: median {}, {} to {}\n", format_ns(s.median), format_ns(s.min),
                      format_ns(s.max));
  return text + trend_text(find_trend(times));
}

}  // namespace qwench::bench
