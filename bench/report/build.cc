// The order of a report: what failed, what to choose, how good and how fast, then everything in detail.
#include "bench/report/build.h"

#include <fmt/format.h>

#include <algorithm>

#include "bench/report/advice.h"
#include "bench/report/chart_pages.h"
#include "bench/report/derived.h"
#include "bench/report/failures.h"
#include "bench/report/tradeoff.h"
#include "bench/support/program.h"

namespace qwench::bench::report {

namespace {

constexpr std::string_view kFirst[] = {"choices", "criteria", "regressions", "tolerances",
                                       "quality", "speed",    "memory",      "throughput",
                                       "speedup", "pairs",    "targets",     "batch",
                                       "trend",   "variance", "headline",    "headline_latency",
                                       "metrics", "models",   "environment", "sources"};

Section sources_section(const Collected& all) {
  Section section{"sources",
                  "Results",
                  {text_column("file"), text_column("command"), text_column("program"),
                   text_column("machine"), text_column("time")}};
  section.notes = all.notes;
  for (const Source& s : all.sources) {
    section.add({printable_text(s.file), s.command, text_cell(s.tool), text_cell(s.machine),
                 text_cell(s.when)});
  }
  return section;
}

size_t place_of(const std::string& id) {
  if (id == "configuration" || id == "ops" || id == "not_measured" || id == "refused_kernels")
    return std::size(kFirst) + 1;
  return size_t(std::find(std::begin(kFirst), std::end(kFirst), id) - std::begin(kFirst));
}

/// A configuration that several files name the same way is said once.
void drop_repeated_rows(Section& section) {
  std::vector<std::vector<Cell>> rows;
  const auto same = [](const std::vector<Cell>& a, const std::vector<Cell>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Cell& x, const Cell& y) {
      return x.index() == y.index() && display(x) == display(y);
    });
  };
  for (std::vector<Cell>& row : section.rows)
    if (std::none_of(rows.begin(), rows.end(), [&](const auto& r) { return same(r, row); }))
      rows.push_back(std::move(row));
  section.rows = std::move(rows);
}

void add_sections(Collected& all, const Comparison& comparison, const std::vector<Limit>& limits,
                  Report& report) {
  const auto add = [&](Section section) {
    if (!section.rows.empty() || !section.notes.empty())
      report.sections.push_back(std::move(section));
  };
  add(sources_section(all));
  drop_repeated_rows(all.models);
  for (Section* section : {&all.models, &all.speed, &all.memory, &all.quality})
    if (!section->rows.empty()) report.sections.push_back(*section);
  add(metrics_section(all.measurements));
  add(throughput_section(all));
  add(speedup_section(all));
  add(batch_section(all.sweep));
  add(variance_section(all.measurements));
  add(choices_section(comparison, limits));
  for (const Section& section : all.sections) add(section);
  std::stable_sort(
      report.sections.begin(), report.sections.end(),
      [](const Section& a, const Section& b) { return place_of(a.id) < place_of(b.id); });
}

void add_charts(const Collected& all, const Comparison& comparison, Report& report) {
  std::vector<Chart> charts = {benchmark_chart(all.measurements), pareto_chart(comparison),
                               memory_chart(all.memory), sweep_chart(all.sweep)};
  charts.insert(charts.end(), all.charts.begin(), all.charts.end());
  for (Chart& chart : charts)
    for (Chart& page : chart_pages(std::move(chart))) report.charts.push_back(std::move(page));
}

/// Of several files there is a column behind the verdict.
void add_trends(const Section& section, Report& report) {
  const auto is_verdict = [](const Column& c) { return c.kind == ColumnKind::kVerdict; };
  const auto verdict = std::find_if(section.columns.begin(), section.columns.end(), is_verdict);
  const auto at = size_t(verdict - section.columns.begin());
  for (const std::vector<Cell>& row : section.rows)
    report.conclusions.push_back(
        fmt::format("Response time of {}: {}", display(row.front()), display(row.at(at))));
}

void add_conclusions(const Collected& all, Report& report) {
  report.conclusions = report.advice;
  for (const Section& section : report.sections) {
    for (std::string& failure : failures_of(section)) report.failures.push_back(std::move(failure));
    if (std::string count = count_of(section); !count.empty())
      report.conclusions.push_back(std::move(count));
    if (section.id == "trend") add_trends(section, report);
  }
  if (const Section* variance = report.find("variance"))
    report.conclusions.push_back(fmt::format("{} of {} measurements are unstable: see \"{}\"",
                                             variance->rows.size(), all.measurements.size(),
                                             variance->title));
  if (all.environments.size() > 1)
    report.conclusions.push_back(
        fmt::format("The results are of {} environments, which differ in {}: speeds are ranked "
                    "within one only",
                    all.environments.size(), differing_items(all.environments)));
}

}  // namespace

Report build_report(std::vector<Document> documents, const std::vector<Limit>& limits,
                    const std::string& title) {
  Collected all = collect(documents);
  Report report{title, utc_now()};
  report.sources = all.sources;
  report.summary = headlines(all);
  const Comparison comparison = compare_choices(all);
  report.advice = advice(comparison, limits);
  add_sections(all, comparison, limits, report);
  add_charts(all, comparison, report);
  add_conclusions(all, report);
  for (Document& document : documents)
    report.documents.push_back({{"file", printable_text(without_home(document.file))},
                                {"document", std::move(document.json)}});
  return report;
}

}  // namespace qwench::bench::report
