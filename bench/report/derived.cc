// Results measured one after the other are compared by their intervals only: no noise floor is known.
#include "bench/report/derived.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

namespace qwench::bench::report {

namespace {

const char* name_of(Quantity quantity) {
  switch (quantity) {
    case Quantity::kThroughput: return "throughput";
    case Quantity::kLatency: return "latency";
    case Quantity::kMemory: return "memory";
    default: return "other";
  }
}

}  // namespace

Section metrics_section(const std::vector<Measurement>& measurements) {
  Section section{
      "metrics",
      "Metrics",
      {text_column("Mode"), text_column("Metric"), text_column("Unit"), text_column("Kind"),
       row_unit_column("Mean"), row_unit_column("Std"), row_unit_column("Min"),
       row_unit_column("Max"), row_unit_column("Median"), number_column("Num Runs"),
       row_unit_column("lower", "95 %"), row_unit_column("upper", "95 %"), row_unit_column("P95"),
       row_unit_column("P99"), verdict_column("Stability")}};
  section.unit_column = kMetricUnit;
  for (const Measurement& m : measurements) {
    const Sampled& s = m.samples;
    const auto end = [&](double Interval::*which) {
      return end_of(s.ci95, which, "fewer than 5 runs");
    };
    section.add({m.mode, m.metric, m.unit, name_of(m.quantity), s.mean,
                 s.n > 1 ? Cell(s.std) : Cell(Missing{"one run"}), s.min, s.max, s.median,
                 double(s.n), end(&Interval::lo), end(&Interval::hi),
                 cell_of(s.p95, fmt::format("takes {} runs", samples_for_percentile(0.95))),
                 cell_of(s.p99, fmt::format("takes {} runs", samples_for_percentile(0.99))),
                 s.unstable ? "unstable" : "stable"});
  }
  if (!section.rows.empty())
    section.notes = {"The 95 % interval is of the median. unstable: std above 10 % of the mean."};
  return section;
}

namespace {

/// 95 % bootstrap of the ratio of medians, from a fixed seed; nothing without enough samples.
std::optional<Interval> ratio_interval(const std::vector<double>& over,
                                       const std::vector<double>& under) {
  bool defined = true;
  const auto interval = two_sample_interval(over, under, 5, [&](double top, double bottom) {
    defined = defined && !(bottom <= 0);
    return top / bottom;
  });
  return defined ? interval : std::nullopt;
}

/// The measurement of another source that is of the same thing; null when there is none, or no one.
const Measurement* partner(const std::vector<Measurement>& all, const Measurement& of,
                           size_t source) {
  const Measurement* found = nullptr;
  size_t here = 0, there = 0;
  for (const Measurement& m : all) {
    if (m.metric != of.metric || m.unit != of.unit) continue;
    if (m.source == source && m.given == of.given) return &m;
    if (m.source == of.source) ++here;
    if (m.source == source) ++there, found = &m;
  }
  return here == 1 && there == 1 ? found : nullptr;
}

void add_speedup(const Measurement& a, const Measurement& b, Section& section) {
  const bool rate = a.quantity == Quantity::kThroughput;
  const Sampled &over = rate ? b.samples : a.samples, &under = rate ? a.samples : b.samples;
  const std::optional<Interval> ci = ratio_interval(over.values, under.values);
  const auto end = [&](double Interval::*which) { return end_of(ci, which, "fewer than 5 runs"); };
  const char* verdict = !ci          ? "unknown"
                        : ci->lo > 1 ? "better"
                        : ci->hi < 1 ? "worse"
                                     : "not_separated";
  section.add({a.metric, a.mode, b.mode, a.unit, a.samples.median, b.samples.median,
               under.median > 0 ? Cell(over.median / under.median) : Cell(Missing{"division by 0"}),
               end(&Interval::lo), end(&Interval::hi), verdict});
}

}  // namespace

Section speedup_section(const Collected& all) {
  Section section{
      "speedup",
      "Speedup of the second result over the first",
      {text_column("metric"), text_column("first"), text_column("second"), text_column("unit"),
       row_unit_column("first, median"), row_unit_column("second, median"),
       number_column("speedup"), number_column("lower", "95 %"), number_column("upper", "95 %"),
       verdict_column("verdict on the second")}};
  section.unit_column = 3;
  std::set<size_t> measured;
  for (const Measurement& m : all.measurements) measured.insert(m.source);
  if (measured.size() != 2) return section;
  for (const Measurement& a : all.measurements) {
    const bool timed = a.quantity == Quantity::kThroughput || a.quantity == Quantity::kLatency;
    if (!timed || a.source != *measured.begin()) continue;
    if (const Measurement* b = partner(all.measurements, a, *measured.rbegin()))
      add_speedup(a, *b, section);
  }
  if (section.rows.empty()) return section;
  section.notes = {
      "Above 1 the second is faster. The interval resamples the runs of both; the results were "
      "not "
      "taken in turns, so a change of the machine between them counts as a difference."};
  const size_t a = all.environment_of[*measured.begin()],
               b = all.environment_of[*measured.rbegin()];
  if (a != b)
    section.notes.push_back(
        std::max(a, b) < all.environments.size()
            ? fmt::format("The two results differ in {}.",
                          differing_items({all.environments[a], all.environments[b]}))
            : "It is not known whether the two results are of one machine and build.");
  return section;
}

Section variance_section(const std::vector<Measurement>& measurements) {
  Section section{"variance",
                  "Variance alarm",
                  {text_column("mode"), text_column("metric"), number_column("std / mean", "%"),
                   number_column("runs"), verdict_column("stability")}};
  for (const Measurement& m : measurements)
    if (m.samples.unstable && m.samples.mean != 0)
      section.add({m.mode, m.metric, 100 * m.samples.std / std::fabs(m.samples.mean),
                   double(m.samples.n), "unstable"});
  if (!section.rows.empty())
    section.notes = {
        "Other load on the machine: end it, and see the load average in the environment.",
        "A clock that changes (governor, turbo, heat, battery): set the governor to performance, "
        "let the "
        "machine cool, use mains.",
        "Caches and pages that are not warm: more --warmup; too few runs: more --runs.",
        "Swapping: a smaller model, context or batch."};
  return section;
}

namespace {

/// Of a suite, what the guides ask for; the rest is in the tables.
bool is_headline(const Measurement& m) {
  constexpr std::pair<std::string_view, std::string_view> kOfSuites[] = {
      {"throughput", "samples_per_second"},
      {"throughput", "tokens_per_second"},
      {"latency", "latency"},
      {"latency", "first_token_latency"},
      {"memory_phases", "process_peak_rss"}};
  if (m.choice || m.group == "monitor" || m.group == "first token") return true;
  return std::any_of(std::begin(kOfSuites), std::end(kOfSuites), [&](const auto& figure) {
    return m.given == figure.first && m.metric == figure.second;
  });
}

/// The different texts of a column, by commas.
Cell distinct(const Section& section, size_t column) {
  std::vector<std::string> texts;
  for (const std::vector<Cell>& row : section.rows) {
    const auto* text = std::get_if<std::string>(&row[column]);
    if (text && std::find(texts.begin(), texts.end(), *text) == texts.end()) texts.push_back(*text);
  }
  return text_cell(fmt::format("{}", fmt::join(texts, ", ")));
}

}  // namespace

std::vector<Headline> headlines(const Collected& all) {
  std::vector<Headline> list;
  std::set<std::string> modes;
  for (const Measurement& m : all.measurements)
    if (is_headline(m)) modes.insert(m.mode);
  const auto prefix = [&](const std::string& mode) { return modes.size() > 1 ? mode + ": " : ""; };
  if (!all.models.rows.empty()) {
    list.push_back({"Model", "", distinct(all.models, 1)});
    list.push_back({"Device", "", distinct(all.models, 6)});
  }
  for (const Measurement& m : all.measurements) {
    if (!is_headline(m)) continue;
    const auto add = [&](const char* what, double value) {
      list.push_back({fmt::format("{}{}, {}", prefix(m.mode), m.metric, what), m.unit, value});
    };
    add("median", m.samples.median);
    if (m.quantity != Quantity::kLatency || modes.size() > 1) continue;
    add("min", m.samples.min), add("max", m.samples.max);
  }
  for (const std::vector<Cell>& row : all.memory.rows)
    list.push_back({prefix(std::get<std::string>(row[0])) + "Peak memory", "GB", row[3]});
  list.insert(list.end(), all.headlines.begin(), all.headlines.end());
  return list;
}

}  // namespace qwench::bench::report
