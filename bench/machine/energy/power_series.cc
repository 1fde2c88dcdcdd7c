// Both kinds of series are piecewise linear functions of time: of energy, or of power.
#include "bench/machine/energy/power_series.h"

#include <fmt/format.h>

#include <algorithm>

namespace qwench::bench {

namespace {

double seconds(int64_t ns) { return double(ns) * 1e-9; }

/// Contract: at lies within the points, of which there are two at least.
double value_at(const std::vector<PowerPoint>& points, int64_t at) {
  const auto after = std::lower_bound(points.begin(), points.end(), at,
                                      [](const PowerPoint& p, int64_t ns) { return p.ns < ns; });
  if (after->ns == at) return after->value;
  const auto before = after - 1;
  const double part = double(at - before->ns) / double(after->ns - before->ns);
  return before->value + part * (after->value - before->value);
}

/// The window's ends and the readings between them.
std::vector<PowerPoint> cut(const std::vector<PowerPoint>& points, int64_t from, int64_t to) {
  std::vector<PowerPoint> within = {{from, value_at(points, from)}};
  for (const PowerPoint& p : points)
    if (p.ns > from && p.ns < to) within.push_back(p);
  within.push_back({to, value_at(points, to)});
  return within;
}

double trapezoids(const std::vector<PowerPoint>& points) {
  double joules = 0;
  for (size_t i = 1; i < points.size(); ++i)
    joules +=
        0.5 * (points[i].value + points[i - 1].value) * seconds(points[i].ns - points[i - 1].ns);
  return joules;
}

double highest(const std::vector<PowerPoint>& watts) {
  double peak = watts.front().value;
  for (const PowerPoint& p : watts) peak = std::max(peak, p.value);
  return peak;
}

/// Of a counter: over stretches of one update at least, or an update that happens to fall between two
/// close readings would be a peak.
double steepest(const std::vector<PowerPoint>& joules, int64_t update_ns, double mean) {
  double peak = mean;
  PowerPoint start = joules.front();
  for (const PowerPoint& p : joules) {
    if (p.ns == start.ns || p.ns - start.ns < update_ns) continue;
    peak = std::max(peak, (p.value - start.value) / seconds(p.ns - start.ns));
    start = p;
  }
  return peak;
}

/// "" when the readings cover the window without a hole.
std::string why_not_covered(const PowerSeries& series, int64_t from, int64_t to) {
  const std::vector<PowerPoint>& points = series.points;
  if (!series.problem.empty()) return series.problem;
  if (to <= from) return "the window is empty";
  if (points.size() < 2)
    return fmt::format("{} readings in the window, at least 2 are needed", points.size());
  if (points.front().ns > from)
    return fmt::format("the readings begin {:.1f} s after the window",
                       seconds(points.front().ns - from));
  if (points.back().ns < to)
    return fmt::format("the readings end {:.1f} s before the window does",
                       seconds(to - points.back().ns));
  for (size_t i = 1; i < points.size() && series.longest_gap_ns > 0; ++i) {
    const int64_t gap = points[i].ns - points[i - 1].ns;
    if (points[i].ns > from && points[i - 1].ns < to && gap > series.longest_gap_ns)
      return fmt::format("no reading for {:.1f} s within the window", seconds(gap));
  }
  return {};
}

}  // namespace

WindowEnergy integrate(const PowerSeries& series, int64_t from_ns, int64_t to_ns) {
  WindowEnergy window;
  window.reason = why_not_covered(series, from_ns, to_ns);
  if (!window.reason.empty()) return window;
  const std::vector<PowerPoint> points = cut(series.points, from_ns, to_ns);
  const double joules =
      series.counter ? points.back().value - points.front().value : trapezoids(points);
  if (series.counter && joules <= 0) {
    window.reason = fmt::format("the counter did not move in {:.1f} s", seconds(to_ns - from_ns));
    return window;
  }
  const double mean = joules / seconds(to_ns - from_ns);
  window.joules = joules, window.watts_mean = mean;
  window.watts_peak = series.counter ? steepest(points, series.update_ns, mean) : highest(points);
  return window;
}

}  // namespace qwench::bench
