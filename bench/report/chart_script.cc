// Bars lie: their labels are long, and error bars stand clear of them. Colours are those of Okabe and
// Ito, which people with any colour vision tell apart.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "bench/report/chart_pages.h"
#include "bench/report/gnuplot.h"
#include "bench/report/point_labels.h"
#include "bench/report/units.h"

namespace qwench::bench::report {

namespace {

constexpr const char* kColours[] = {"#0072B2", "#E69F00", "#009E73", "#CC79A7",
                                    "#56B4E9", "#D55E00", "#000000", "#999999"};
constexpr int kTitle = 110;                 // characters over the whole width
constexpr int kWidth = 900, kPngScale = 3;  // pixels; 9 inches at 300 dpi

const char* colour(size_t i) { return kColours[i % std::size(kColours)]; }

std::string block_name(size_t panel, size_t series, bool bars) {
  return fmt::format("$p{}{}{}", panel, bars ? "e" : "s", series);
}

/// Bars of several series stand beside each other in their category.
double offset_of(const Panel& panel, size_t series) {
  const auto n = double(panel.series.size());
  return panel.kind == PanelKind::kBar ? (double(series) - (n - 1) / 2) * 0.76 / n : 0;
}

/// x y size, and x y lo hi of the points with an interval.
void add_data(std::string& script, const Panel& panel, size_t p) {
  for (size_t s = 0; s < panel.series.size(); ++s) {
    std::string points, bars;
    for (const Point& point : panel.series[s].points) {
      const double x = point.x + offset_of(panel, s);
      points += fmt::format("{} {} {}\n", x, point.y, point.size);
      if (point.interval)
        bars += fmt::format("{} {} {} {}\n", x, point.y, point.interval->lo, point.interval->hi);
    }
    script += fmt::format("{} << EOD\n{}EOD\n", block_name(p, s, false), points);
    if (!bars.empty()) script += fmt::format("{} << EOD\n{}EOD\n", block_name(p, s, true), bars);
  }
}

bool has_intervals(const Series& series) {
  return std::any_of(series.points.begin(), series.points.end(),
                     [](const Point& p) { return p.interval.has_value(); });
}

/// Where plots begin, as a part of the width: behind the longest label of all panels.
double left_margin(const Chart& chart) {
  size_t longest = 0;
  for (const Panel& panel : chart.panels)
    for (const std::string& label : panel.categories) longest = std::max(longest, label.size());
  return std::clamp(0.03 + 0.007 * double(longest), 0.11, 0.5);
}

/// The largest value drawn, with its error bar.
double top_of(const Panel& panel) {
  double top = 0;
  for (const Series& s : panel.series)
    for (const Point& p : s.points) top = std::max({top, p.y, p.interval ? p.interval->hi : p.y});
  return top;
}

bool wants_log(const Panel& panel) {
  double least = INFINITY, most = 0;
  for (const Series& s : panel.series)
    for (const Point& p : s.points) least = std::min(least, p.y), most = std::max(most, p.y);
  return least > 0 && most / least > 1000;
}

std::string plot_list(const std::vector<std::string>& parts) {
  return fmt::format("plot {}\n", fmt::join(parts, ", \\\n     "));
}

std::string bar_panel(const Panel& panel, size_t p) {
  const double top = top_of(panel), half = 0.34 / double(panel.series.size());
  std::string script =
      "set border 1 lc rgb '#888888'\nset grid xtics lc rgb '#dddddd' lt 1 lw 0.5\n";
  script += fmt::format("set xlabel {}\nunset ylabel\n", gnuplot_quoted(y_label(panel)));
  script += fmt::format("set xrange [0:{}]\nset yrange [{}:-0.5]\n", top > 0 ? top * 1.14 : 1,
                        double(panel.categories.size()) - 0.5);
  std::string tics;
  for (size_t i = 0; i < panel.categories.size(); ++i)
    tics += fmt::format("{}{} {}", i ? ", " : "", gnuplot_quoted(panel.categories[i]), i);
  script += fmt::format("set ytics scale 0 nomirror ({})\nset xtics nomirror autofreq\n", tics);
  std::vector<std::string> parts;
  for (size_t s = 0; s < panel.series.size(); ++s) {
    const Series& series = panel.series[s];
    parts.push_back(
        fmt::format("{} using 2:1:(0):2:($1-{}):($1+{}) with boxxyerror fs solid 1.0 noborder lc "
                    "rgb '{}' title {}",
                    block_name(p, s, false), half, half, colour(s), gnuplot_quoted(series.name)));
    if (has_intervals(series))
      parts.push_back(
          fmt::format("{} using 2:1:3:4 with xerrorbars pt 0 lc rgb '#222222' lw 1.5 notitle",
                      block_name(p, s, true)));
    for (const Point& point : series.points)
      script += fmt::format("set label {} at {},{} left offset 0.6,0 tc rgb '#333333'\n",
                            gnuplot_quoted(display(point.y)),
                            point.interval ? std::max(point.y, point.interval->hi) : point.y,
                            point.x + offset_of(panel, s));
  }
  return script + plot_list(parts);
}

std::string axes(const Panel& panel) {
  std::string script = "set border 3 lc rgb '#888888'\nset grid lc rgb '#dddddd' lt 1 lw 0.5\n";
  script += fmt::format("set xlabel {}\nset ylabel {}\n", gnuplot_quoted(panel.x_label),
                        gnuplot_quoted(y_label(panel)));
  return script + "set xtics nomirror autofreq\nset ytics nomirror autofreq\n";
}

/// From the first to the last x, with ticks at the values themselves where they are few.
std::string x_axis(const Panel& panel) {
  constexpr size_t kMostTicks = 12;
  std::set<double> places;
  for (const Series& s : panel.series)
    for (const Point& p : s.points) places.insert(p.x);
  const double low = *places.begin(), high = *places.rbegin();
  const double pad = high > low ? 0.02 * (high - low) : 1;
  std::string script = fmt::format("set xrange [{}:{}]\n", low - pad, high + pad);
  if (places.size() <= kMostTicks)
    script += fmt::format("set xtics nomirror ({})\n", fmt::join(places, ", "));
  return script;
}

std::string line_panel(const Panel& panel, size_t p) {
  std::string script = axes(panel) + x_axis(panel);
  const double top = top_of(panel);
  script += wants_log(panel) ? "set logscale y\nset format y '%.0e'\nset yrange [*:*]\n"
                             : fmt::format("set yrange [0:{}]\n", top > 0 ? top * 1.1 : 1);
  std::vector<std::string> bars, lines;
  for (size_t s = 0; s < panel.series.size(); ++s) {
    const Series& series = panel.series[s];
    if (has_intervals(series))
      bars.push_back(fmt::format("{} using 1:2:3:4 with yerrorbars lc rgb '{}' lw 1.2 ps 0 notitle",
                                 block_name(p, s, true), colour(s)));
    lines.push_back(
        fmt::format("{} using 1:2 with linespoints lc rgb '{}' lw 1.8 pt {} ps {} title {}",
                    block_name(p, s, false), colour(s), 5 + 2 * (s % 5),
                    series.points.size() > 60 ? 0.25 : 0.7, gnuplot_quoted(series.name)));
  }
  bars.insert(bars.end(), lines.begin(), lines.end());  // points stand on their error bars
  return script + plot_list(bars);
}

std::string histogram_panel(const Panel& panel, size_t p) {
  const std::vector<Point>& bins = panel.series[0].points;
  const double width = bins.size() > 1 ? bins[1].x - bins[0].x : 1;
  std::string script = axes(panel);
  script += fmt::format("set boxwidth {}\nset style fill solid 1.0 noborder\n", width * 0.92);
  script += fmt::format("set xrange [{}:{}]\nset yrange [0:{}]\n", bins.front().x - width,
                        bins.back().x + width, top_of(panel) * 1.1 + 0.1);
  return script + plot_list({fmt::format("{} using 1:2 with boxes lc rgb '{}' notitle",
                                         block_name(p, 0, false), colour(0))});
}

std::string scatter_panel(const Panel& panel, size_t p) {
  double right = 0;
  for (const Series& s : panel.series)
    for (const Point& point : s.points) right = std::max(right, point.x);
  const double top = top_of(panel);
  std::string script = axes(panel) + point_labels(panel, right, top > 0 ? top : 1);
  script += fmt::format("set xrange [0:{}]\nset yrange [{}:{}]\n", right > 0 ? right * 1.15 : 1,
                        top > 0 ? -0.04 * top : -0.04, top > 0 ? top * 1.25 : 1);
  std::vector<std::string> parts;
  for (size_t s = 0; s < panel.series.size(); ++s)
    if (!panel.series[s].points.empty())
      parts.push_back(
          fmt::format("{} using 1:2:(0.8+2.2*$3) with points pt 7 ps variable lc rgb '{}' title {}",
                      block_name(p, s, false), colour(s), gnuplot_quoted(panel.series[s].name)));
  return script + plot_list(parts);
}

/// The panel in the unit that suits its largest value.
Panel in_shown_unit(Panel panel) {
  if (panel.unit.empty()) return panel;
  const ShownUnit shown = shown_unit(panel.unit, top_of(panel));
  for (Series& series : panel.series)
    for (Point& point : series.points) {
      point.y *= shown.factor;
      if (point.interval)
        point.interval =
            Interval{point.interval->lo * shown.factor, point.interval->hi * shown.factor};
    }
  panel.unit = shown.name;
  return panel;
}

std::string panel_script(const Panel& panel, size_t p) {
  std::string script =
      fmt::format("set title {} offset 0,-0.4\n", gnuplot_quoted(panel.title, kTitle));
  script += "set tics textcolor rgb '#222222'\n";
  if (panel.series.size() > 1)
    script += panel.kind == PanelKind::kLine
                  ? "set key below left vertical Left reverse samplen 2\n"
                  : "set key top right outside horizontal samplen 1.5\n";
  else
    script += "unset key\n";
  switch (panel.kind) {
    case PanelKind::kBar: return script + bar_panel(panel, p);
    case PanelKind::kLine: return script + line_panel(panel, p);
    case PanelKind::kHistogram: return script + histogram_panel(panel, p);
    default: return script + scatter_panel(panel, p);
  }
}

std::string terminal(ImageFormat format, int height) {
  if (format == ImageFormat::kSvg)
    return fmt::format(
        "set terminal svg size {},{} dynamic noenhanced font 'sans-serif,12' "
        "background '#ffffff'\n",
        kWidth, height);
  return fmt::format(
      "set terminal pngcairo size {},{} noenhanced font 'Sans,9' fontscale {} "
      "linewidth {} pointscale {} background '#ffffff'\n",
      kWidth * kPngScale, height * kPngScale, kPngScale, kPngScale, kPngScale);
}

}  // namespace

std::string gnuplot_quoted(const std::string& text, int most) {
  std::string quoted = "'";
  int length = 0;
  for (const char raw : text) {
    const auto c = static_cast<unsigned char>(raw);
    const bool starts = (c & 0xC0) != 0x80;  // a character, not a part of one
    if (starts && ++length > most) {
      quoted += "...";
      break;
    }
    if (c < 0x20 || c == 0x7f || c == '`') continue;
    quoted += raw == '\'' ? std::string("''") : std::string(1, raw);
  }
  return quoted + "'";
}

std::string chart_script(const Chart& as_measured, ImageFormat format) {
  Chart chart = as_measured;
  for (Panel& panel : chart.panels) panel = in_shown_unit(std::move(panel));
  int height = 0;
  for (const Panel& panel : chart.panels) height += panel_height(panel);
  std::string script = "set encoding utf8\n" + terminal(format, height);
  for (size_t p = 0; p < chart.panels.size(); ++p) add_data(script, chart.panels[p], p);
  script += "set multiplot\n";
  double below = height;
  for (size_t p = 0; p < chart.panels.size(); ++p) {
    const double part = panel_height(chart.panels[p]);
    below -= part;
    // `reset` keeps terminal and data, but neither size nor origin.
    script += fmt::format("reset\nset size 1,{}\nset origin 0,{}\nset lmargin at screen {}\n",
                          part / height, below / height, left_margin(chart));
    script += panel_script(chart.panels[p], p);
  }
  return script + "unset multiplot\n";
}

}  // namespace qwench::bench::report
