// The width of a text is an estimate in units of x: gnuplot tells no sizes before it draws.
#include "bench/report/point_labels.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bench/report/gnuplot.h"

namespace qwench::bench::report {

namespace {

/// Where the label of a point stands: beside it, above what would be under it.
struct PlacedLabel {
  double y = 0, from = 0, to = 0;  // x, from the point's side to the end of the text
  int level = 0;                   // lines above the point
};

bool meet(const PlacedLabel& a, const PlacedLabel& b, double top) {
  return std::fabs(a.y - b.y) < 0.05 * top && a.from < b.to && b.from < a.to && a.level == b.level;
}

/// In front, because another point must not cover it; the point's own circle is as wide as it is large.
/// What is raised ends above its point, so that one sees whose it is.
std::string label_script(const Point& point, const PlacedLabel& place, bool left) {
  const double beside = place.level > 0 ? 0 : 1.2 + 1.6 * point.size;
  return fmt::format("set label {} at {},{} {} offset {},{} front tc rgb '#222222'\n",
                     gnuplot_quoted(point.label), point.x, point.y, left ? "right" : "left",
                     left ? -beside : beside, 0.4 + 1.3 * place.level);
}

}  // namespace

// Labels stand on the side where there is room; those that would meet above one another.
std::string point_labels(const Panel& panel, double right, double top) {
  constexpr double kCharacter = 0.0095;  // its width, as a part of the largest x
  std::string script;
  std::vector<const Point*> points;
  std::vector<PlacedLabel> placed;
  for (const Series& series : panel.series)
    for (const Point& point : series.points) points.push_back(&point);
  for (const Point* point : points) {
    const bool left = point->x > 0.55 * right;
    const double width = kCharacter * right * double(point->label.size() + 4);
    PlacedLabel label{point->y, left ? point->x - width : point->x,
                      left ? point->x : point->x + width};
    for (const Point* other : points)
      if (other != point && meet(label, {other->y, other->x, other->x + 0.01 * right}, top))
        label.level = 1;
    while (std::any_of(placed.begin(), placed.end(),
                       [&](const PlacedLabel& other) { return meet(label, other, top); }))
      ++label.level;
    script += label_script(*point, label, left);
    placed.push_back(label);
  }
  return script;
}

}  // namespace qwench::bench::report
