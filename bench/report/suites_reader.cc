// Results of `qwench suites` (figures and criteria) and histories of `qwench monitor`.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>

#include "bench/report/collected.h"

namespace qwench::bench::report {

namespace {

struct Unit {
  std::string_view file, shown;
  double factor;
  Quantity quantity;
};
constexpr Unit kUnits[] = {{"ns", "ms", 1e-6, Quantity::kLatency},
                           {"s", "s", 1, Quantity::kLatency},
                           {"ms", "ms", 1, Quantity::kLatency},
                           {"bytes", "MB", 1e-6, Quantity::kMemory},
                           {"B", "MB", 1e-6, Quantity::kMemory},
                           {"tokens_per_second", "tokens/s", 1, Quantity::kThroughput},
                           {"tokens/s", "tokens/s", 1, Quantity::kThroughput}};

Unit unit_of(const std::string& name) {
  for (const Unit& unit : kUnits)
    if (unit.file == name) return unit;
  return {name, name, 1, Quantity::kOther};
}

Section missing_section() {
  return {"not_measured",
          "Not measured",
          {text_column("suite"), text_column("figure"), text_column("why")}};
}

Section criteria_section() {
  return {"criteria",
          "Criteria",
          {text_column("suite"), text_column("criterion"), text_column("expected"),
           number_column("value"), text_column("unit"), number_column("target of the ceiling", "%"),
           verdict_column("verdict"), text_column("note")}};
}

void add_figure(const Field& figure, const std::string& suite, size_t source, Collected& to) {
  const std::string name = figure.at("name").text(), unit_name = figure.at("unit").text();
  const std::optional<Field> summary = figure.find("summary");
  if (!summary) {
    const std::string why = figure.find_text("missing");
    to.section(missing_section()).add({suite, name, why.empty() ? "the file does not say" : why});
    return;
  }
  const Unit unit = unit_of(unit_name);
  to.measurements.push_back({source, suite, suite, name, std::string(unit.shown), unit.quantity,
                             scaled(read_sampled(*summary), unit.factor)});
}

/// "2026-01-31T12:00:00Z" as seconds since 1970.
double seconds_of(const Field& timestamp) {
  const std::string text = timestamp.text();
  std::tm parts{};
  const char* end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (!end) timestamp.refuse("a time such as 2026-01-31T12:00:00Z");
  return double(::timegm(&parts));
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
Panel histogram(const Trace& trace, const std::vector<double>& values) {
  constexpr size_t kBins = 20;
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  // Equal values have no range of their own: one bin of width 1 around them.
  const double low = *least, width = *most > low ? (*most - low) / double(kBins) : 1;
  Series series{"samples", std::vector<Point>(kBins)};
  for (size_t i = 0; i < kBins; ++i) series.points[i].x = low + (double(i) + 0.5) * width;
  for (double v : values) ++series.points[std::min(kBins - 1, size_t((v - low) / width))].y;
  return {
      trace.title, PanelKind::kHistogram, fmt::format("{} ({})", trace.name, trace.unit), "samples",
      {},          {std::move(series)}};
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

void add_trace(const Trace& trace, const std::vector<Field>& samples, size_t source,
               const std::string& mode, Collected& to) {
  std::vector<double> values;
  Series over_time{mode, {}};
  const double start = seconds_of(samples.front().at("timestamp"));
  const TimeUnit unit = time_unit(seconds_of(samples.back().at("timestamp")) - start);
  for (const Field& sample : samples) {
    const std::optional<double> value = sample.find_number(trace.key);
    if (!value) continue;
    values.push_back(*value * trace.factor);
    over_time.points.push_back(
        {(seconds_of(sample.at("timestamp")) - start) / unit.seconds, values.back()});
  }
  if (values.empty()) return;
  if (trace.charted) {
    to.chart("performance_trends", "Performance over time")
        .panels.push_back({fmt::format("{} over time", trace.title),
                           PanelKind::kLine,
                           fmt::format("{} since the first sample", unit.name),
                           fmt::format("{} ({})", trace.name, trace.unit),
                           {},
                           {over_time}});
    to.chart("performance_distributions", "Distributions")
        .panels.push_back(histogram(trace, values));
  }
  to.measurements.push_back({source, mode, "monitor", trace.name, trace.unit, trace.quantity,
                             sampled(std::move(values))});
}

}  // namespace

void read_suites(const Field& root, size_t source, Collected& to) {
  for (const Field& suite : root.at("suites").items()) {
    const std::string name = suite.at("suite").text(), error = suite.find_text("error");
    if (!error.empty()) to.section(missing_section()).add({name, "all", error});
    for (const Field& figure : suite.at("figures").items()) add_figure(figure, name, source, to);
    for (const Field& c : suite.at("criteria").items())
      to.section(criteria_section())
          .add({name, c.at("name").text(), c.at("expected").text(),
                cell_of(c.find_number("value"), "not measured"), c.find_text("unit"),
                cell_of(c.find_number("ceiling_percent"), "no ceiling applies"),
                c.at("outcome").text(), c.find_text("note")});
  }
}

void read_monitor(const Field& root, size_t source, Collected& to) {
  const std::vector<Field> samples = root.at("samples").items();
  if (samples.empty()) root.at("samples").refuse("at least one sample");
  std::string mode = samples.front().find_text("model_name");
  if (mode.empty()) mode = "monitor";
  for (const Field& sample : samples)
    if (const std::string error = sample.find_text("error"); !error.empty())
      to.section(missing_section()).add({mode, sample.at("timestamp").text(), error});
  for (const Trace& trace : kTraces) add_trace(trace, samples, source, mode, to);
}

}  // namespace qwench::bench::report
