// The order of a report: what was tested, how fast, how large, how good, then everything in detail.
#include "bench/report/build.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bench/report/derived.h"
#include "bench/support/environment.h"

namespace qwench::bench::report {

namespace {

constexpr std::string_view kFirst[] = {"sources", "environment", "models",   "speed",   "memory",
                                       "quality", "throughput",  "speedup",  "pairs",   "targets",
                                       "batch",   "choices",     "criteria", "metrics", "variance"};

Section sources_section(const Collected& all) {
  Section section{"sources",
                  "Results",
                  {text_column("file"), text_column("command"), text_column("program"),
                   text_column("machine"), text_column("time")}};
  section.notes = all.notes;
  for (const Source& s : all.sources) {
    const auto cell = [](const std::string& text) {
      return text.empty() ? Cell(Missing{"the file does not say"}) : Cell(text);
    };
    section.add({printable_text(s.file), s.command, cell(s.tool), cell(s.machine), cell(s.when)});
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

void add_sections(Collected& all, const std::vector<Limit>& limits, Report& report) {
  const auto add = [&](Section section) {
    if (!section.rows.empty() || !section.notes.empty())
      report.sections.push_back(std::move(section));
  };
  add(sources_section(all));
  drop_repeated_rows(all.models);
  for (Section* section : {&all.models, &all.speed, &all.memory, &all.quality})
    if (!section->rows.empty()) report.sections.push_back(*section);
  add(metrics_section(all.measurements));
  add(throughput_section(all.measurements));
  add(speedup_section(all));
  add(batch_section(all.sweep));
  add(variance_section(all.measurements));
  add(choices_section(all.choices, limits));
  for (Section& section : all.sections) add(std::move(section));
  std::stable_sort(
      report.sections.begin(), report.sections.end(),
      [](const Section& a, const Section& b) { return place_of(a.id) < place_of(b.id); });
}

void add_charts(Collected& all, Report& report) {
  std::vector<Chart> charts = {benchmark_chart(all.measurements), pareto_chart(all.choices),
                               memory_chart(all.memory), sweep_chart(all.sweep)};
  for (Chart& chart : all.charts) charts.push_back(std::move(chart));
  const auto overflowed = [](const Point& p) {
    const double ends = p.interval ? p.interval->lo + p.interval->hi : 0;
    return !std::isfinite(p.x) || !std::isfinite(p.y) || !std::isfinite(ends);
  };
  for (Chart& chart : charts) {
    auto& panels = chart.panels;
    for (Panel& panel : panels)
      for (Series& s : panel.series)
        s.points.erase(std::remove_if(s.points.begin(), s.points.end(), overflowed),
                       s.points.end());
    panels.erase(std::remove_if(panels.begin(), panels.end(),
                                [](const Panel& panel) {
                                  return std::all_of(
                                      panel.series.begin(), panel.series.end(),
                                      [](const Series& s) { return s.points.empty(); });
                                }),
                 panels.end());
    if (!panels.empty()) report.charts.push_back(std::move(chart));
  }
}

void add_conclusions(const Collected& all, const std::vector<Limit>& limits, Report& report) {
  if (const std::string fastest = fastest_mode(all.measurements); !fastest.empty())
    report.conclusions.push_back("Fastest Mode: " + fastest);
  if (const std::string advice = recommendation(all.choices, limits); !advice.empty())
    report.conclusions.push_back(advice);
  for (const Section& section : report.sections) {
    int64_t passed = 0, failed = 0;
    for (const std::vector<Cell>& row : section.rows)
      for (size_t c = 0; c < row.size(); ++c)
        if (section.columns[c].kind == ColumnKind::kVerdict)
          passed += display(row[c]) == "pass", failed += display(row[c]) == "fail";
    if (section.id != "choices" && passed + failed > 0)
      report.conclusions.push_back(
          fmt::format("{}: {} of {} passed", section.title, passed, passed + failed));
  }
  const Section* variance = report.find("variance");
  if (variance)
    report.conclusions.push_back(fmt::format("{} of {} measurements are unstable: see \"{}\"",
                                             variance->rows.size(), all.measurements.size(),
                                             variance->title));
}

}  // namespace

Report build_report(std::vector<Document> documents, const std::vector<Limit>& limits,
                    const std::string& title) {
  Collected all = collect(documents);
  Report report{title, utc_now()};
  report.sources = all.sources;
  report.summary = headlines(all);
  add_sections(all, limits, report);
  add_charts(all, report);
  add_conclusions(all, limits, report);
  for (Document& document : documents)
    report.documents.push_back({{"file", printable_text(without_home(document.file))},
                                {"document", std::move(document.json)}});
  return report;
}

}  // namespace qwench::bench::report
