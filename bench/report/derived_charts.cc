// Charts of measurements: what is measured in one unit stands in one panel.
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "bench/report/derived.h"

namespace qwench::bench::report {

namespace {

/// A suite's name need not stand before each of its figures.
std::string bar_name(const Measurement& m, const std::string& group) {
  return m.mode == group ? m.metric : m.mode + ", " + m.metric;
}

/// Bars of one group: throughputs with their intervals.
Panel throughput_panel(const std::vector<Measurement>& all, const std::string& group) {
  Panel panel{"Throughput: " + group, PanelKind::kBar, "", "", {}, {{"median, 95 %", {}}}};
  panel.unit = "tokens/s";
  for (const Measurement& m : all) {
    if (m.quantity != Quantity::kThroughput || m.group != group) continue;
    panel.series[0].points.push_back(
        {double(panel.categories.size()), m.samples.median, m.samples.ci95});
    panel.categories.push_back(bar_name(m, group));
  }
  return panel;
}

double milliseconds_of(const std::string& unit) {
  return unit == "s" ? 1e3 : unit == "us" ? 1e-3 : 1;
}

Panel latency_panel(const std::vector<Measurement>& all, const std::string& group) {
  Panel panel{
      "Latency: " + group, PanelKind::kBar, "", "", {}, {{"min", {}}, {"median", {}}, {"max", {}}}};
  panel.unit = "ms";
  for (const Measurement& m : all) {
    if (m.quantity != Quantity::kLatency || m.group != group) continue;
    const double x = double(panel.categories.size()), ms = milliseconds_of(m.unit);
    panel.series[0].points.push_back({x, ms * m.samples.min});
    panel.series[1].points.push_back({x, ms * m.samples.median});
    panel.series[2].points.push_back({x, ms * m.samples.max});
    panel.categories.push_back(bar_name(m, group));
  }
  return panel;
}

struct Axis {
  double SweepPoint::*value;
  const char* name;
};
constexpr Axis kAxes[] = {{&SweepPoint::batch, "batch size"},
                          {&SweepPoint::depth, "depth (tokens of context)"},
                          {&SweepPoint::threads, "threads"},
                          {&SweepPoint::n_tokens, "tokens"}};

/// All that a point has but the axis: points of one line agree in it.
std::string line_of(const SweepPoint& p, const Axis& axis) {
  std::string name = p.mode;
  const auto part = [&](const Axis& other, double usual, const char* format) {
    if (other.value != axis.value && p.*other.value != usual)
      name += fmt::format(fmt::runtime(format), display(p.*other.value));
  };
  part(kAxes[3], -1, ", {} tokens"), part(kAxes[0], 1, ", batch {}");
  part(kAxes[1], 0, ", depth {}"), part(kAxes[2], -1, ", {} threads");
  return name;
}

/// One line per group of points that differ in the axis only; groups of one point are none.
Panel sweep_panel(const std::vector<SweepPoint>& sweep, const std::string& phase,
                  const Axis& axis) {
  Panel panel{fmt::format("{}: speed over {}", phase, axis.name),
              PanelKind::kLine,
              axis.name,
              "tokens/s",
              {},
              {}};
  for (const SweepPoint& p : sweep) {
    if (p.phase != phase) continue;
    const std::string name = line_of(p, axis);
    auto at = std::find_if(panel.series.begin(), panel.series.end(),
                           [&](const Series& s) { return s.name == name; });
    if (at == panel.series.end()) at = panel.series.insert(at, {name, {}});
    at->points.push_back({p.*axis.value, p.speed.median, p.speed.ci95});
  }
  const auto single = [](const Series& s) {
    std::set<double> places;
    for (const Point& p : s.points) places.insert(p.x);
    return places.size() < 2;
  };
  panel.series.erase(std::remove_if(panel.series.begin(), panel.series.end(), single),
                     panel.series.end());
  for (Series& s : panel.series)
    std::stable_sort(s.points.begin(), s.points.end(),
                     [](const Point& a, const Point& b) { return a.x < b.x; });
  return panel;
}

}  // namespace

Chart benchmark_chart(const std::vector<Measurement>& measurements) {
  Chart chart{"benchmark_visualization", "Throughput and latency", {}};
  std::vector<std::string> rates, times;  // groups
  const auto remember = [](std::vector<std::string>& list, const std::string& group) {
    if (std::find(list.begin(), list.end(), group) == list.end()) list.push_back(group);
  };
  for (const Measurement& m : measurements) {
    if (m.group == "kernels") continue;  // they have a chart of their own
    if (m.quantity == Quantity::kThroughput) remember(rates, m.group);
    if (m.quantity == Quantity::kLatency) remember(times, m.group);
  }
  for (const std::string& group : rates)
    chart.panels.push_back(throughput_panel(measurements, group));
  for (const std::string& group : times) chart.panels.push_back(latency_panel(measurements, group));
  return chart;
}

Chart memory_chart(const Section& memory) {
  Chart chart{"memory", "Memory", {}};
  Panel panel{
      "Memory", PanelKind::kBar, "", "", {}, {{"loading", {}}, {"inference", {}}, {"peak", {}}}};
  panel.unit = "GB";
  for (const std::vector<Cell>& row : memory.rows) {
    const double x = double(panel.categories.size());
    for (size_t i = 0; i < 3; ++i)
      panel.series[i].points.push_back({x, std::get<double>(row[i + 1])});
    panel.categories.push_back(std::get<std::string>(row[0]));
  }
  if (!panel.categories.empty()) chart.panels.push_back(std::move(panel));
  return chart;
}

Chart sweep_chart(const std::vector<SweepPoint>& sweep) {
  Chart chart{"scaling", "Scaling", {}};
  for (const char* phase : {"prefill", "decode"})
    for (const Axis& axis : kAxes) {
      Panel panel = sweep_panel(sweep, phase, axis);
      if (!panel.series.empty()) chart.panels.push_back(std::move(panel));
    }
  return chart;
}

Section batch_section(const std::vector<SweepPoint>& sweep) {
  Section section{"batch",
                  "Batch performance",
                  {text_column("configuration"), text_column("phase"), number_column("batch"),
                   number_column("all sequences", "tokens/s"), number_column("each", "tokens/s"),
                   verdict_column("best")}};
  for (const char* phase : {"prefill", "decode"}) {
    for (const Series& line : sweep_panel(sweep, phase, kAxes[0]).series) {
      const auto best = std::max_element(line.points.begin(), line.points.end(),
                                         [](const Point& a, const Point& b) { return a.y < b.y; });
      for (const Point& p : line.points)
        section.add(
            {line.name, phase, p.x, p.y, p.y / p.x, p.x == best->x ? "optimal batch size" : ""});
      section.notes.push_back(
          fmt::format("{}, {}: best throughput {} tokens/s, optimal batch size {}", line.name,
                      phase, display(best->y), display(best->x)));
    }
  }
  return section;
}

}  // namespace qwench::bench::report
