// Histories of `qwench monitor`: what was seen over time, and whether it became slower.
#include <fmt/format.h>

#include <algorithm>

#include "bench/monitoring/summary.h"
#include "bench/report/collected.h"
#include "bench/support/utc.h"

namespace qwench::bench::report {

namespace {

constexpr double kSecond = 1e9;

int64_t unix_ns_of(const Field& sample) {
  const Field timestamp = sample.at("timestamp");
  const std::optional<int64_t> ns = parse_utc(timestamp.text());
  if (!ns) timestamp.refuse("a time such as 2026-01-31T12:00:00Z");
  return *ns;
}

/// The samples of one model in order of time.
struct History {
  std::string mode;
  std::vector<std::pair<int64_t, Field>> samples;  // by unix_ns

  double seconds_since_first(int64_t unix_ns) const {
    return double(unix_ns - samples.front().first) / kSecond;
  }
};

std::vector<History> by_model(const std::vector<Field>& samples) {
  std::vector<History> histories;
  for (const Field& sample : samples) {
    std::string mode = sample.find_text("model_name");
    if (mode.empty()) mode = "monitor";
    auto at = std::find_if(histories.begin(), histories.end(),
                           [&](const History& h) { return h.mode == mode; });
    if (at == histories.end()) at = histories.insert(at, {mode, {}});
    at->samples.emplace_back(unix_ns_of(sample), sample);
  }
  for (History& history : histories)
    std::stable_sort(history.samples.begin(), history.samples.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
  return histories;
}

/// What the monitor saw over time, as one panel each.
struct Trace {
  const char *key, *title, *name, *unit;
  double factor;
  Quantity quantity;
  bool charted;
};
constexpr Trace kTraces[] = {
    {"response_time_ns", "Response time", "response time", "ms", 1e-6, Quantity::kLatency, true},
    {"memory_usage_percent", "Memory in use", "memory in use", "%", 1, Quantity::kOther, true},
    {"memory_available_bytes", "Memory available", "memory available", "MB", 1e-6,
     Quantity::kMemory, false},
    {"tokens_generated", "Tokens generated", "tokens generated", "tokens", 1, Quantity::kOther,
     false}};

/// 20 bins of one width from the least to the largest value.
Panel histogram(const Trace& trace, const std::string& mode, const std::vector<double>& values) {
  constexpr size_t kBins = 20;
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  // Equal values have no range of their own: one bin of width 1 around them.
  const double low = *least, width = *most > low ? (*most - low) / double(kBins) : 1;
  Series series{"samples", std::vector<Point>(kBins)};
  for (size_t i = 0; i < kBins; ++i) series.points[i].x = low + (double(i) + 0.5) * width;
  for (double v : values) ++series.points[std::min(kBins - 1, size_t((v - low) / width))].y;
  return {fmt::format("{}: {}", trace.title, mode),
          PanelKind::kHistogram,
          fmt::format("{} ({})", trace.name, trace.unit),
          "samples",
          {},
          {std::move(series)}};
}

/// A time axis is in the largest unit of which the samples span two.
struct TimeUnit {
  std::string_view name;
  double seconds;
};
TimeUnit time_unit(double span_seconds) {
  if (span_seconds >= 2 * 86400) return {"days", 86400};
  if (span_seconds >= 2 * 3600) return {"hours", 3600};
  if (span_seconds >= 2 * 60) return {"minutes", 60};
  return {"seconds", 1};
}

void add_panels(const Trace& trace, const std::string& mode, const Series& over_time,
                const std::string& unit, const std::vector<double>& values, Collected& to) {
  const std::string y = fmt::format("{} ({})", trace.name, trace.unit);
  to.chart("performance_trends", "Performance over time")
      .panels.push_back({fmt::format("{} over time: {}", trace.title, mode),
                         PanelKind::kLine,
                         unit + " since the first sample",
                         y,
                         {},
                         {over_time}});
  to.chart("performance_distributions", "Distributions")
      .panels.push_back(histogram(trace, mode, values));
}

void add_trace(const Trace& trace, const History& history, size_t source, Collected& to) {
  std::vector<double> values;
  Series over_time{history.mode, {}};
  const TimeUnit unit = time_unit(history.seconds_since_first(history.samples.back().first));
  for (const auto& [unix_ns, sample] : history.samples) {
    const std::optional<double> value = sample.find_number(trace.key);
    if (!value) continue;
    values.push_back(*value * trace.factor);
    over_time.points.push_back(
        {history.seconds_since_first(unix_ns) / unit.seconds, values.back()});
  }
  if (values.empty()) return;
  if (trace.charted) add_panels(trace, history.mode, over_time, std::string(unit.name), values, to);
  to.measurements.push_back({source, history.mode, "monitor", trace.name, trace.unit,
                             trace.quantity, sampled(std::move(values))});
}

/// As `monitor` says it, of the last 24 hours that there are.
void add_trend(const History& history, Collected& to) {
  std::vector<TimedValue> times;
  double errors = 0;
  for (const auto& [unix_ns, sample] : history.samples) {
    if (unix_ns < history.samples.back().first - kMonitorWindowNs) continue;
    if (const auto ns = sample.find_number("response_time_ns")) {
      if (*ns <= 0) sample.at("response_time_ns").refuse("a time above 0");
      times.push_back({unix_ns, *ns});
    }
    errors += !sample.find_text("error").empty();
  }
  Section like{"trend",
               "Trend of the last 24 hours",
               {text_column("model"), number_column("benchmarks"), number_column("errors"),
                number_column("earlier half, median", "ns"),
                number_column("later half, median", "ns"), number_column("later / earlier"),
                number_column("lower", "95 %"), number_column("upper", "95 %"),
                number_column("drift", "% an hour"), verdict_column("verdict")}};
  like.telling = {5, 8};
  if (times.empty()) {
    const Missing none{"no benchmark succeeded"};
    to.section(like).add({history.mode, 0.0, errors, none, none, none, none, none, none, "error"});
    return;
  }
  const Trend trend = find_trend(times);
  const auto end = [&](double Interval::*which) {
    return end_of(trend.ci95, which, "fewer than 5 benchmarks a half");
  };
  const auto drift = trend.drift ? std::optional<double>(100 * *trend.drift) : std::nullopt;
  const bool moved = trend.verdict == "slower" || trend.verdict == "faster";
  to.section(like).add({history.mode, double(times.size()), errors, trend.first_median,
                        trend.last_median, trend.ratio, end(&Interval::lo), end(&Interval::hi),
                        cell_of(drift, "less than an hour"),
                        (moved ? "became " : "") + trend.verdict});
}

}  // namespace

void read_monitor(const Field& root, size_t source, Collected& to) {
  const std::vector<Field> samples = root.at("samples").items();
  if (samples.empty()) root.at("samples").refuse("at least one sample");
  for (const Field& sample : samples)
    if (const std::string error = sample.find_text("error"); !error.empty())
      to.section(missing_section())
          .add({sample.find_text("model_name"), sample.at("timestamp").text(), error});
  for (const History& history : by_model(samples)) {
    for (const Trace& trace : kTraces) add_trace(trace, history, source, to);
    add_trend(history, to);
  }
}

}  // namespace qwench::bench::report
