// Panels are never split: a panel fits a page by itself, and pages take as many as fit, in their order.
#include "bench/report/chart_pages.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace qwench::bench::report {

namespace {

constexpr int kAroundBars = 110, kLegend = 25;

int bar_pixels(const Panel& panel) { return panel.series.size() > 1 ? 17 : 26; }

bool can_be_drawn(const Point& p) {
  const double ends = p.interval ? p.interval->lo + p.interval->hi : 0;
  return std::isfinite(p.x) && std::isfinite(p.y) && std::isfinite(ends);
}

/// Removes what overflowed; true where points are left.
bool keep_finite(Panel& panel) {
  bool any = false;
  for (Series& s : panel.series) {
    s.points.erase(std::remove_if(s.points.begin(), s.points.end(),
                                  [](const Point& p) { return !can_be_drawn(p); }),
                   s.points.end());
    any = any || !s.points.empty();
  }
  return any;
}

/// Categories by the largest value that any series has there, largest first.
std::vector<size_t> by_size(const Panel& panel) {
  std::vector<double> largest(panel.categories.size(), -INFINITY);
  for (const Series& s : panel.series)
    for (const Point& p : s.points)
      if (p.x >= 0 && size_t(p.x) < largest.size())
        largest[size_t(p.x)] = std::max(largest[size_t(p.x)], p.y);
  std::vector<size_t> order(panel.categories.size());
  std::iota(order.begin(), order.end(), size_t(0));
  std::stable_sort(order.begin(), order.end(),
                   [&](size_t a, size_t b) { return largest[a] > largest[b]; });
  return order;
}

/// The largest bars, in the order that they had.
void cut_bars(Panel& panel) {
  if (panel.kind != PanelKind::kBar || panel_height(panel) <= kMostChartHeight) return;
  const int each = bar_pixels(panel) * int(std::max<size_t>(1, panel.series.size()));
  const size_t most = size_t((kMostChartHeight - kAroundBars - kLegend) / each);
  std::vector<size_t> kept = by_size(panel);
  const size_t all = kept.size();
  kept.resize(most);
  std::sort(kept.begin(), kept.end());
  std::vector<std::string> categories;
  for (const size_t i : kept) categories.push_back(panel.categories[i]);
  for (Series& s : panel.series) {
    std::vector<Point> points;
    for (const Point& p : s.points) {
      const auto at = std::lower_bound(kept.begin(), kept.end(), size_t(p.x));
      if (at == kept.end() || *at != size_t(p.x)) continue;
      points.push_back(p);
      points.back().x = double(at - kept.begin());
    }
    s.points = std::move(points);
  }
  panel.categories = std::move(categories);
  panel.title += fmt::format(" (the {} largest of {}; all are in the tables)", most, all);
}

/// The lines that reach highest.
void cut_lines(Panel& panel) {
  constexpr size_t kMostLines = 8;
  if (panel.kind != PanelKind::kLine || panel.series.size() <= kMostLines) return;
  const auto top = [](const Series& s) {
    double largest = -INFINITY;
    for (const Point& p : s.points) largest = std::max(largest, p.y);
    return largest;
  };
  const size_t all = panel.series.size();
  std::stable_sort(panel.series.begin(), panel.series.end(),
                   [&](const Series& a, const Series& b) { return top(a) > top(b); });
  panel.series.resize(kMostLines);
  panel.title += fmt::format(" (the {} highest of {} lines)", kMostLines, all);
}

}  // namespace

int panel_height(const Panel& panel) {
  const bool several = panel.series.size() > 1;
  if (panel.kind == PanelKind::kBar) {
    const size_t bars = panel.categories.size() * std::max<size_t>(1, panel.series.size());
    return kAroundBars + bar_pixels(panel) * int(bars) + (several ? kLegend : 0);
  }
  if (panel.kind == PanelKind::kScatter) return 480;
  return 330 + (several ? 18 * int(panel.series.size()) : 0);
}

std::vector<Chart> chart_pages(Chart chart) {
  std::vector<Chart> pages;
  int height = 0;
  for (Panel& panel : chart.panels) {
    if (!keep_finite(panel)) continue;
    cut_bars(panel);
    cut_lines(panel);
    const int own = panel_height(panel);
    if (pages.empty() || height + own > kMostChartHeight) {
      pages.push_back({chart.id, chart.title, {}});
      height = 0;
    }
    pages.back().panels.push_back(std::move(panel));
    height += own;
  }
  for (size_t i = 1; i < pages.size(); ++i) {
    pages[i].page_of = pages[i].id;
    pages[i].id += fmt::format("_{}", i + 1);
  }
  if (pages.size() > 1)
    for (size_t i = 0; i < pages.size(); ++i)
      pages[i].title += fmt::format(" ({} of {})", i + 1, pages.size());
  return pages;
}

}  // namespace qwench::bench::report
