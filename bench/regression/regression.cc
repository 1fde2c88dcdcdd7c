// Rows are matched by what was measured; changes of medians get a bootstrap interval from the samples of
// both results.
#include "bench/regression/regression.h"

#include <algorithm>
#include <cmath>

#include "bench/regression/doubts.h"
#include "bench/support/table.h"
#include "engine/base/check.h"

namespace qwench::bench {

namespace {

constexpr size_t kLeastRuns = 3;  // fewer have no interval

std::vector<double> in_gb(double bytes) { return {bytes / 1e9}; }

struct Metric {
  const char* name;
  std::vector<double> (*samples)(
      const SavedCase&);  // one where there is no more; none: no such metric
  bool more_is_better, timed;
  double Thresholds::*threshold;
};
constexpr Metric kMetrics[] = {
    {"tokens_per_second", [](const SavedCase& c) { return c.tokens_per_second; }, true, true,
     &Thresholds::speed},
    {"first_token_latency_ms", [](const SavedCase& c) { return c.first_token_ms; }, false, true,
     &Thresholds::first_token},
    {"memory_usage_gb", [](const SavedCase& c) { return in_gb(c.memory_bytes); }, false, false,
     &Thresholds::memory},
};

/// Part of the baseline, above 0, by which the current is worse.
double worse(double baseline, double current, bool more_is_better) {
  return more_is_better ? (baseline - current) / baseline : (current - baseline) / baseline;
}

std::optional<Interval> change_interval(const std::vector<double>& baseline,
                                        const std::vector<double>& current, bool more_is_better) {
  return two_sample_interval(baseline, current, kLeastRuns, [&](double before, double after) {
    return worse(before, after, more_is_better);
  });
}

void note_flags(const SavedCase& row, const std::string& of, RegressionReport& report) {
  if (const std::string flags = row.flags(); !flags.empty())
    report.notes.push_back(fmt::format("{}, {}: {}", of, row.label(), flags));
}

void leave_open(MetricChange& m, std::string reason) {
  m.verdict = Change::kInconclusive, m.reason = std::move(reason);
}

/// A metric that is no time is what it is: the same in every run.
void judge(MetricChange& m, bool timed, const Doubt& doubt) {
  const Interval whole = m.interval.value_or(Interval{m.change, m.change});
  if (timed && !m.interval)
    leave_open(m, fmt::format("fewer than {} runs have no interval: more --runs", kLeastRuns));
  else if (whole.lo > m.threshold + (doubt.slower.empty() ? 0 : doubt.explains))
    m.verdict = Change::kRegressed;
  else if (whole.lo > m.threshold)
    leave_open(m, doubt.slower);
  else if (whole.hi > m.threshold)
    leave_open(m, "the interval holds the threshold: more --runs, or a quieter machine");
  else if (!doubt.faster.empty())
    leave_open(m, doubt.faster + ": what became worse may be hidden");
}

/// Both results' samples of one metric; `to.unknown` says where one of them has none.
void compare_metric(const RegressionArgs& args, const Metric& metric,
                    const std::pair<const SavedCase&, const SavedCase&>& rows, const Doubt& doubt,
                    RegressionReport& to) {
  const auto& [before, now] = rows;
  const std::vector<double> b = metric.samples(before), c = metric.samples(now);
  if (b.empty() && c.empty()) return;
  if (b.empty() || c.empty()) {
    to.unknown.push_back(fmt::format("{}: {} is only in {}", before.label(), metric.name,
                                     (b.empty() ? args.current : args.baseline).name));
    return;
  }
  MetricChange m;
  m.test_category = fmt::format("{}, {} weights", before.label(), value_of(args.baseline, "dtype"));
  m.metric = metric.name;
  m.baseline = median(b), m.current = median(c);
  m.threshold = args.thresholds.*metric.threshold;
  m.change = worse(m.baseline, m.current, metric.more_is_better);
  if (metric.timed) m.interval = change_interval(b, c, metric.more_is_better);
  judge(m, metric.timed, metric.timed ? doubt : Doubt{});
  to.metrics.push_back(std::move(m));
}

void note_differences(const RegressionArgs& args, RegressionReport& report) {
  const SavedResult &before = args.baseline, &now = args.current;
  for (const Condition& c : before.conditions)
    if (c.field != kMachine || is_across(args, kMachine))
      if (const std::string value = value_of(now, c.field); value != c.value)
        report.notes.push_back(fmt::format("across {}: {}, now {}", c.field, c.value, value));
  if (before.version != now.version)
    report.notes.push_back(
        fmt::format("measured by qwench {}, now {}", before.version, now.version));
  for (const SavedResult* result : {&before, &now})
    if (result->interrupted)
      report.unknown.push_back(result->name + " was interrupted: cases and runs are missing");
}

const SavedCase* find_case(const std::vector<SavedCase>& cases, const SavedCase& wanted) {
  for (const SavedCase& c : cases)
    if (c.same_case(wanted)) return &c;
  return nullptr;
}

/// "4.5 % worse".
std::string change_text(double worse_by) {
  const std::string percent = fmt::format("{:.1f} %", 100 * std::fabs(worse_by));
  if (percent == "0.0 %") return percent;
  return percent + (worse_by > 0 ? " worse" : " better");
}

OrderedJson change_json(const MetricChange& m) {
  OrderedJson json = {{"test_category", m.test_category}, {"metric", m.metric},
                      {"baseline_value", m.baseline},     {"current_value", m.current},
                      {"change_percent", 100 * m.change}, {"threshold_percent", 100 * m.threshold},
                      {"severity", m.severity()}};
  json["ci95_percent"] =
      m.interval ? OrderedJson{100 * m.interval->lo, 100 * m.interval->hi} : OrderedJson(nullptr);
  if (m.verdict == Change::kInconclusive) json["reason"] = m.reason;
  return json;
}

std::string summary_line(const RegressionReport& report) {
  const auto count = [&](Change verdict) {
    return std::count_if(report.metrics.begin(), report.metrics.end(),
                         [&](const MetricChange& m) { return m.verdict == verdict; });
  };
  const size_t checked = report.metrics.size();
  switch (report.verdict()) {
    case Change::kRegressed:
      return fmt::format("REGRESSED: {} of {} metrics\n", count(Change::kRegressed), checked);
    case Change::kInconclusive:
      return fmt::format(
          "INCONCLUSIVE: {} of {} metrics{}: no proof that nothing became worse\n",
          count(Change::kInconclusive), checked,
          report.unknown.empty()
              ? ""
              : fmt::format(", and {} more that could not be compared", report.unknown.size()));
    case Change::kNone: break;
  }
  return fmt::format("ok: {} metrics, none worse than its threshold\n", checked);
}

}  // namespace

const char* name_of(Change change) {
  constexpr const char* kNames[] = {"ok", "inconclusive", "regressed"};
  return kNames[size_t(change)];
}

bool RegressionReport::any(Change wanted) const {
  return std::any_of(metrics.begin(), metrics.end(),
                     [&](const MetricChange& m) { return m.verdict == wanted; });
}

Change RegressionReport::verdict() const {
  if (any(Change::kRegressed)) return Change::kRegressed;
  const bool open = any(Change::kInconclusive) || !unknown.empty() || metrics.empty();
  return open ? Change::kInconclusive : Change::kNone;
}

void require_alike(const RegressionArgs& args) {
  std::string differ, across;
  for (const Condition& c : args.baseline.conditions) {
    const std::string now = value_of(args.current, c.field);
    if (now == c.value || c.field == kMachine || is_across(args, c.field)) continue;
    differ += fmt::format("; {}: expected {}, got {}", c.field, c.value, now);
    across += " --across " + c.field;
  }
  if (!differ.empty())
    fail(
        "{}: not alike {}{}; that explains any change: measure the baseline again, or where the "
        "difference is what you compare, add{}",
        args.current.name, args.baseline.name, differ, across);
}

RegressionReport find_regressions(const RegressionArgs& args) {
  require_alike(args);
  RegressionReport report;
  const Doubt doubt = doubt_of_all(args);
  for (const std::string* said : {&doubt.slower, &doubt.faster})
    if (!said->empty() && (report.notes.empty() || report.notes.back() != *said))
      report.notes.push_back(*said);
  note_differences(args, report);
  for (const SavedCase& row : args.baseline.cases) {
    const SavedCase* same = find_case(args.current.cases, row);
    if (!same) {
      report.unknown.push_back("not measured now: " + row.label());
      continue;
    }
    const bool hashed = !row.output_hash.empty() && !same->output_hash.empty();
    if (hashed && row.output_hash != same->output_hash)
      report.notes.push_back(row.label() +
                             ": computes other tokens than the baseline did; `qwench accuracy` "
                             "says whether they are right");
    note_flags(row, "the baseline", report), note_flags(*same, "now", report);
    const Doubt of_case = doubt_of_case(args, doubt, row, *same);
    for (const Metric& metric : kMetrics)
      compare_metric(args, metric, {row, *same}, of_case, report);
  }
  for (const SavedCase& row : args.current.cases)
    if (!find_case(args.baseline.cases, row))
      report.notes.push_back("not in the baseline: " + row.label());
  return report;
}

OrderedJson to_json(const RegressionReport& report) {
  OrderedJson regressions = OrderedJson::array(), inconclusive = OrderedJson::array();
  for (const MetricChange& m : report.metrics)
    if (m.verdict != Change::kNone)
      (m.verdict == Change::kRegressed ? regressions : inconclusive).push_back(change_json(m));
  return {{"verdict", name_of(report.verdict())}, {"regressions", regressions},
          {"inconclusive", inconclusive},         {"unknown", report.unknown},
          {"checked", report.metrics.size()},     {"notes", report.notes}};
}

std::string to_string(const RegressionReport& report) {
  Table table({"<case", "<metric", "baseline", "now", "change", "95 %, + is worse", "threshold",
               "<verdict"});
  for (const MetricChange& m : report.metrics) {
    const bool confirmed = m.verdict == Change::kRegressed;
    table.add({m.test_category, m.metric, format_number(m.baseline), format_number(m.current),
               change_text(m.change),
               m.interval
                   ? fmt::format("{:+.1f} - {:+.1f}", 100 * m.interval->lo, 100 * m.interval->hi)
                   : "-",
               fmt::format("{:.1f} %", 100 * m.threshold),
               confirmed ? m.severity() : name_of(m.verdict)});
  }
  std::string text = table.empty() ? "" : table.to_string();
  for (const std::string& note : report.notes) text += "note: " + note + "\n";
  for (const std::string& unknown : report.unknown) text += "inconclusive: " + unknown + "\n";
  for (const MetricChange& m : report.metrics)
    if (!m.reason.empty())
      text += fmt::format("inconclusive: {}, {}: {}\n", m.test_category, m.metric, m.reason);
  return text + summary_line(report);
}

}  // namespace qwench::bench
