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

bool overlap(const Sampled& a, const Sampled& b) {
  return !a.ci95 || !b.ci95 || (a.ci95->lo <= b.ci95->hi && b.ci95->lo <= a.ci95->hi);
}

/// Throughputs of one metric, fastest first.
std::vector<const Measurement*> ranking(const std::vector<Measurement>& all,
                                        const std::string& metric) {
  std::vector<const Measurement*> list;
  for (const Measurement& m : all)
    if (m.quantity == Quantity::kThroughput && m.metric == metric) list.push_back(&m);
  std::stable_sort(list.begin(), list.end(), [](const Measurement* a, const Measurement* b) {
    return a->samples.median > b->samples.median;
  });
  return list;
}

std::vector<std::string> throughput_metrics(const std::vector<Measurement>& all) {
  std::vector<std::string> names;
  for (const Measurement& m : all)
    if (m.quantity == Quantity::kThroughput &&
        std::find(names.begin(), names.end(), m.metric) == names.end())
      names.push_back(m.metric);
  return names;
}

}  // namespace

Section metrics_section(const std::vector<Measurement>& measurements) {
  Section section{
      "metrics",
      "Metrics",
      {text_column("Mode"), text_column("Metric"), text_column("Unit"), text_column("Kind"),
       number_column("Mean"), number_column("Std"), number_column("Min"), number_column("Max"),
       number_column("Median"), number_column("Num Runs"), number_column("lower", "95 %"),
       number_column("upper", "95 %"), number_column("P95"), number_column("P99"),
       verdict_column("Stability")}};
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

Section throughput_section(const std::vector<Measurement>& measurements) {
  Section section{"throughput",
                  "Throughput comparison",
                  {text_column("metric"), text_column("mode"), number_column("median", "tokens/s"),
                   number_column("relative to the first mode"), number_column("difference", "%"),
                   verdict_column("verdict")}};
  for (const std::string& metric : throughput_metrics(measurements)) {
    const std::vector<const Measurement*> ranked = ranking(measurements, metric);
    if (ranked.size() < 2) continue;
    const Sampled& first =
        std::find_if(measurements.begin(), measurements.end(), [&](const Measurement& m) {
          return m.quantity == Quantity::kThroughput && m.metric == metric;
        })->samples;
    for (const Measurement* m : ranked) {
      const bool known = first.median > 0;
      const double ratio = known ? m->samples.median / first.median : 0;
      const char* verdict = m == ranked.front()                            ? "fastest"
                            : overlap(m->samples, ranked.front()->samples) ? "not_separated"
                                                                           : "slower";
      section.add({metric, m->mode, m->samples.median,
                   known ? Cell(ratio) : Cell(Missing{"the first is 0"}),
                   known ? Cell(100 * (ratio - 1)) : Cell(Missing{"the first is 0"}), verdict});
    }
  }
  if (!section.rows.empty())
    section.notes = {
        "not_separated: the 95 % intervals of this mode and the fastest overlap or are not known. "
        "`qwench compare` decides in turns, with a noise floor."};
  return section;
}

std::string fastest_mode(const std::vector<Measurement>& measurements) {
  std::vector<const Measurement*> widest;
  for (const std::string& metric : throughput_metrics(measurements)) {
    std::vector<const Measurement*> ranked = ranking(measurements, metric);
    // Of equally many the later: decode comes after prefill.
    if (ranked.size() >= widest.size()) widest = std::move(ranked);
  }
  if (widest.size() < 2) return {};
  const Measurement& best = *widest.front();
  std::string text = fmt::format("{} ({}, {} {})", best.mode, best.metric,
                                 display(best.samples.median), best.unit);
  if (overlap(best.samples, widest[1]->samples)) text += ", not separated from " + widest[1]->mode;
  return text;
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

/// The mode without the file's name that tells it apart.
std::string bare(const std::string& mode) { return mode.substr(0, mode.rfind(" [")); }

/// The measurement of another source that is of the same thing; null when there is none, or no one.
const Measurement* partner(const std::vector<Measurement>& all, const Measurement& of,
                           size_t source) {
  const Measurement* found = nullptr;
  size_t here = 0, there = 0;
  for (const Measurement& m : all) {
    if (m.metric != of.metric || m.unit != of.unit) continue;
    if (m.source == source && bare(m.mode) == bare(of.mode)) return &m;
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
  Section section{"speedup",
                  "Speedup of the second result over the first",
                  {text_column("metric"), text_column("first"), text_column("second"),
                   text_column("unit"), number_column("first"), number_column("second"),
                   number_column("speedup"), number_column("lower", "95 %"),
                   number_column("upper", "95 %"), verdict_column("verdict on the second")}};
  std::set<size_t> measured;
  for (const Measurement& m : all.measurements) measured.insert(m.source);
  if (measured.size() != 2) return section;
  for (const Measurement& a : all.measurements) {
    const bool timed = a.quantity == Quantity::kThroughput || a.quantity == Quantity::kLatency;
    if (!timed || a.source != *measured.begin()) continue;
    if (const Measurement* b = partner(all.measurements, a, *measured.rbegin()))
      add_speedup(a, *b, section);
  }
  if (!section.rows.empty())
    section.notes = {
        "Above 1 the second is faster. The interval resamples the runs of both; the results were "
        "not "
        "taken in turns, so a change of the machine between them counts as a difference."};
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

std::vector<Headline> headlines(const Collected& all) {
  std::vector<Headline> list;
  std::set<std::string> modes;
  for (const Measurement& m : all.measurements)
    if (m.group != "kernels") modes.insert(m.mode);
  const auto prefix = [&](const std::string& mode) { return modes.size() > 1 ? mode + ": " : ""; };
  if (!all.models.rows.empty()) {
    list.push_back({"Model", "", all.models.rows[0][1]});
    list.push_back({"Device", "", all.models.rows[0][6]});
  }
  for (const Measurement& m : all.measurements) {
    if (m.group == "kernels") continue;  // too many for a summary: they have a table
    const auto add = [&](const char* what, double value) {
      list.push_back({fmt::format("{}{}, {}", prefix(m.mode), m.metric, what), m.unit, value});
    };
    add("mean", m.samples.mean);
    if (m.quantity != Quantity::kLatency || modes.size() > 1) continue;
    add("std", m.samples.std), add("min", m.samples.min), add("max", m.samples.max);
  }
  for (const std::vector<Cell>& row : all.memory.rows)
    list.push_back({prefix(std::get<std::string>(row[0])) + "Peak memory", "GB", row[3]});
  return list;
}

}  // namespace qwench::bench::report
