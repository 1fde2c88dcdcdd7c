// Rows are matched by what was measured; changes of medians get a bootstrap interval from the samples of
// both results.
#include "bench/regression/regression.h"

#include <algorithm>
#include <cmath>

#include "bench/support/table.h"
#include "bench/sweep/report.h"
#include "engine/check.h"

namespace qwench::bench {

namespace {

/// What both results must agree on for rows to be the same case.
std::string case_of(const Json& row, const std::string& where) {
  const auto integer = [&](const char* key) { return read_int(row, key, 0, INT64_MAX, where); };
  return fmt::format("{} {} tokens, batch {}, depth {}, {} threads, {} weights",
                     read_string(row, "phase", where), integer("n_tokens"), integer("batch"),
                     integer("depth"), integer("threads"), read_string(row, "dtype", where));
}

std::vector<double> numbers(const Json& array, const std::string& what, const std::string& where) {
  if (!array.is_array() || array.empty())
    fail("{}: {}: expected a list of numbers, got {}", where, what, describe(array));
  std::vector<double> values;
  for (const Json& value : array) {
    if (!value.is_number()) fail("{}: {}: expected numbers, got {}", where, what, describe(value));
    values.push_back(value.get<double>());
  }
  return values;
}

/// The samples of a metric in a row; one where a result holds no more. Empty: the row has none.
using Samples = std::vector<double> (*)(const Json& row, const std::string& where);

std::vector<double> speeds(const Json& row, const std::string& where) {
  return numbers(row.at("tokens_per_second").at("values"), "tokens_per_second.values", where);
}
std::vector<double> first_tokens(const Json& row, const std::string& where) {
  if (!has(row, "ttft_ns_values")) return {};
  std::vector<double> values = numbers(row.at("ttft_ns_values"), "ttft_ns_values", where);
  for (double& ns : values) ns /= 1e6;
  return values;
}
std::vector<double> memory(const Json& row, const std::string& where) {
  double bytes = 0;
  for (const auto& [kind, counters] : row.at("memory").items())
    bytes += read_number(counters, "peak", 0, 1e18, where + ": memory." + kind);
  return {bytes / 1e9};
}

struct Metric {
  const char* name;
  Samples samples;
  bool more_is_better, timed;
  double Thresholds::*threshold;
};
constexpr Metric kMetrics[] = {
    {"tokens_per_second", speeds, true, true, &Thresholds::speed},
    {"first_token_latency_ms", first_tokens, false, true, &Thresholds::first_token},
    {"memory_usage_gb", memory, false, false, &Thresholds::memory},
};

/// Part of the baseline by which the current is worse.
double worse(double baseline, double current, bool more_is_better) {
  if (baseline == 0) return 0;
  return more_is_better ? (baseline - current) / baseline : (current - baseline) / baseline;
}

std::optional<Interval> change_interval(const std::vector<double>& baseline,
                                        const std::vector<double>& current, bool more_is_better) {
  return two_sample_interval(baseline, current, 3, [&](double before, double after) {
    return worse(before, after, more_is_better);
  });
}

/// How far a ceiling of the machine moved between two results; 0 where one of them does not say.
double moved(const Json& baseline, const Json& current, const char* ceiling) {
  const auto rate = [&](const Json& document) {
    if (!has(document, "roofline") || document.at("roofline").empty()) return 0.0;
    const Json& first = document.at("roofline").front();
    return has(first, ceiling) ? first.at(ceiling).value("per_second", 0.0) : 0.0;
  };
  const double before = rate(baseline), now = rate(current);
  return before > 0 && now > 0 ? std::fabs(now / before - 1) : 0;
}

std::string machine_of(const Json& document) {
  if (!has(document, "environment") || !has(document.at("environment"), "cpu")) return {};
  const Json& cpu = document.at("environment").at("cpu");
  return fmt::format("{}, {} cores", cpu.value("model", ""), cpu.value("physical_cores", 0));
}

/// Decode is bound by memory: why its times say little where the bandwidth itself has moved.
std::string bandwidth_doubt(const Json& before, const Json& now, double threshold) {
  const auto rate = [](const Json& row) {
    return has(row, "read_bytes_per_second") ? row.value("read_bytes_per_second", 0.0) : 0.0;
  };
  if (rate(before) <= 0 || rate(now) <= 0) return {};
  const double change = std::fabs(rate(now) / rate(before) - 1);
  if (change <= threshold) return {};
  return fmt::format("the machine's own read bandwidth moved by {:.1f} %", 100 * change);
}

void judge(MetricChange& m, const std::string& doubt) {
  if (m.change <= m.threshold) return;
  const bool sure = !m.interval || m.interval->lo > m.threshold;
  if (sure && doubt.empty()) {
    m.verdict = Change::kRegressed;
    return;
  }
  m.verdict = Change::kInconclusive;
  m.reason = doubt.empty() ? "the interval reaches below the threshold: more runs" : doubt;
}

/// Rows by case; Error on a document that is no result of `qwench bench`.
const Json& rows_of(const Json& document, const std::string& where) {
  const int64_t schema = read_int(document, "schema_version", 0, INT32_MAX, where);
  if (schema != kSchemaVersion)
    fail("{}: schema_version: expected {}, got {}; measure the baseline again with this program",
         where, kSchemaVersion, schema);
  if (!has(document, "rows") || !document.at("rows").is_array())
    fail("{}: rows: expected the list of a result of `qwench bench`", where);
  return document.at("rows");
}

const Json* find_case(const Json& rows, const std::string& name, const std::string& where) {
  for (const Json& row : rows)
    if (case_of(row, where) == name) return &row;
  return nullptr;
}

}  // namespace

bool RegressionReport::any(Change verdict) const {
  return std::any_of(metrics.begin(), metrics.end(),
                     [&](const MetricChange& m) { return m.verdict == verdict; });
}

static RegressionReport compare_results(const Json& baseline, const Json& current,
                                        const std::string& where, const Thresholds& thresholds) {
  RegressionReport report;
  const Json &before = rows_of(baseline, where), &now = rows_of(current, "the current result");
  std::string doubt;
  if (machine_of(baseline) != machine_of(current))
    doubt = fmt::format("another machine: {}, now {}", machine_of(baseline), machine_of(current));
  const double clock = moved(baseline, current, "fp32_fma");
  if (doubt.empty() && clock > thresholds.speed)
    doubt = fmt::format("the machine's own fp32 peak moved by {:.1f} %", 100 * clock);
  if (!doubt.empty()) report.notes.push_back(doubt);
  for (const Json& row : before) {
    const std::string name = case_of(row, where);
    const Json* same = find_case(now, name, "the current result");
    if (!same) {
      report.notes.push_back("not measured now: " + name);
      continue;
    }
    const std::string of_row =
        doubt.empty() ? bandwidth_doubt(row, *same, thresholds.speed) : doubt;
    for (const Metric& metric : kMetrics) {
      const std::vector<double> b = metric.samples(row, where),
                                c = metric.samples(*same, "the current result");
      if (b.empty() || c.empty()) continue;
      MetricChange m;
      m.test_category = name, m.metric = metric.name;
      m.baseline = median(b), m.current = median(c);
      m.threshold = thresholds.*metric.threshold;
      m.change = worse(m.baseline, m.current, metric.more_is_better);
      m.interval = change_interval(b, c, metric.more_is_better);
      judge(m, metric.timed ? of_row : "");
      report.metrics.push_back(std::move(m));
    }
  }
  return report;
}

RegressionReport find_regressions(const Json& baseline, const Json& current,
                                  const std::string& where, const Thresholds& thresholds) {
  try {
    return compare_results(baseline, current, where, thresholds);
  } catch (const Json::exception& error) {  // a member that is missing or of another type
    fail("{}: expected a result of `qwench bench`: {}", where, error.what());
  }
}

OrderedJson to_json(const RegressionReport& report) {
  OrderedJson regressions = OrderedJson::array(), inconclusive = OrderedJson::array();
  for (const MetricChange& m : report.metrics) {
    if (m.verdict == Change::kNone) continue;
    OrderedJson json = {
        {"test_category", m.test_category}, {"metric", m.metric},
        {"baseline_value", m.baseline},     {"current_value", m.current},
        {"change_percent", 100 * m.change}, {"threshold_percent", 100 * m.threshold},
        {"severity", m.severity()}};
    json["ci95_percent"] =
        m.interval ? OrderedJson{100 * m.interval->lo, 100 * m.interval->hi} : OrderedJson(nullptr);
    if (m.verdict == Change::kInconclusive) json["reason"] = m.reason;
    (m.verdict == Change::kRegressed ? regressions : inconclusive).push_back(json);
  }
  return {{"regressions", regressions},
          {"inconclusive", inconclusive},
          {"checked", report.metrics.size()},
          {"notes", report.notes}};
}

std::string to_string(const RegressionReport& report) {
  Table table({"<case", "<metric", "baseline", "now", "worse by", "95 %", "threshold", "<verdict"});
  for (const MetricChange& m : report.metrics) {
    const char* verdict = m.verdict == Change::kNone           ? "ok"
                          : m.verdict == Change::kInconclusive ? "inconclusive"
                                                               : m.severity();
    table.add({m.test_category, m.metric, format_number(m.baseline), format_number(m.current),
               fmt::format("{:+.1f} %", 100 * m.change),
               m.interval
                   ? fmt::format("{:+.1f} - {:+.1f}", 100 * m.interval->lo, 100 * m.interval->hi)
                   : "-",
               fmt::format("{:.1f} %", 100 * m.threshold), verdict});
  }
  std::string text = table.to_string();
  for (const std::string& note : report.notes) text += "note: " + note + "\n";
  for (const MetricChange& m : report.metrics)
    if (!m.reason.empty())
      text += fmt::format("inconclusive: {}, {}: {}\n", m.test_category, m.metric, m.reason);
  return text;
}

}  // namespace qwench::bench
