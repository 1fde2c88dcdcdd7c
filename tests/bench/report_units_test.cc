// Figures as people read them, and charts that fit a screen.
#include "bench/report/units.h"

#include <doctest/doctest.h>

#include <set>

#include "bench/report/chart_pages.h"
#include "bench/report/gnuplot.h"
#include "bench/report/point_labels.h"
#include "bench/report/shown_table.h"
#include "bench/report/writers.h"
#include "tests/bench/report_results.h"

using namespace qwench;
using namespace qwench::bench::report;

namespace {

/// A panel with a bar a category, the i-th of height i.
Panel bars(size_t n, size_t series = 1) {
  Panel panel{"Bars", PanelKind::kBar, "", "", {}, std::vector<Series>(series)};
  for (size_t i = 0; i < n; ++i) {
    panel.categories.push_back("bar " + std::to_string(i));
    for (Series& s : panel.series) s.points.push_back({double(i), double(i)});
  }
  return panel;
}

int height_of(const Chart& chart) {
  int height = 0;
  for (const Panel& panel : chart.panels) height += panel_height(panel);
  return height;
}

}  // namespace

TEST_CASE("a figure is shown in the unit that suits its size") {
  CHECK(readable(4.41e11, "B/s") == "441 GB/s");
  CHECK(readable(1.5e6, "ns") == "1.5 ms");
  CHECK(readable(999, "ns") == "999 ns");
  CHECK(readable(90, "s") == "90 s");
  CHECK(readable(7200, "s") == "2 h");
  CHECK(readable(0.0021, "GB") == "2.003 MiB");
  CHECK(readable(4e9, "bytes") == "3.725 GiB");
  CHECK(readable(2.5e12, "FLOP/s") == "2.5 TFLOP/s");
  CHECK(readable(0.25, "percent") == "0.25 %");
  CHECK(readable(1, "boolean") == "yes");
  CHECK(readable(0, "boolean") == "no");
  CHECK(readable(0, "B/s") == "0 B/s");
  CHECK(readable(12.5, "tokens/s") == "12.5 tokens/s");
  CHECK(readable(3, "count") == "3");
  CHECK(readable(-3e6, "bytes") == "-2.861 MiB");
}

TEST_CASE(
    "a column has one unit, a row of figures has its own, and programs get what was measured") {
  Section section{"x",
                  "X",
                  {text_column("what"), number_column("size", "GB"), row_unit_column("value"),
                   text_column("unit")}};
  section.unit_column = 3;
  section.add({"a", 0.001, 4.41e11, "B/s"});
  section.add({"b", 0.5, 2e6, "ns"});
  const ShownTable shown = shown_table(section);
  CHECK(shown.headings[1] == "size (MiB)");
  CHECK(shown.cells[0] == std::vector<std::string>{"a", "0.9537", "441", "GB/s"});
  CHECK(shown.cells[1] == std::vector<std::string>{"b", "476.8", "2", "ms"});
  Report report{"t", "now"};
  report.sections.push_back(section);
  CHECK(tables_csv(report).find("x,0,value,,441000000000,") != std::string::npos);
  CHECK(to_json(report)["sections"][0]["rows"][0][3] == "B/s");
  CHECK(to_html(report, {}, "").find("data-value=\"441000000000\">441<") != std::string::npos);
  CHECK(to_markdown(report).find("| a | 0.9537 | 441 | GB/s |") != std::string::npos);
}

TEST_CASE("a chart is at most a screen high; more of it is on further pages, in order") {
  Chart chart{"many", "Many", {}};
  for (int i = 0; i < 12; ++i) chart.panels.push_back(bars(8));
  const std::vector<Chart> pages = chart_pages(chart);
  REQUIRE(pages.size() > 1);
  size_t panels = 0;
  for (const Chart& page : pages) {
    CHECK(height_of(page) <= kMostChartHeight);
    panels += page.panels.size();
  }
  CHECK(panels == 12);
  CHECK(pages[0].id == "many");
  CHECK(pages[1].id == "many_2");
}

TEST_CASE("of very many bars the largest are drawn, and the title says how many there were") {
  for (const size_t series : {1, 3}) {
    const std::vector<Chart> pages = chart_pages({"x", "X", {bars(500, series)}});
    REQUIRE(pages.size() == 1);
    const Panel& panel = pages[0].panels[0];
    CHECK(panel_height(panel) <= kMostChartHeight);
    CHECK(panel.title.find("largest of 500") != std::string::npos);
    CHECK(panel.categories.back() == "bar 499");
    CHECK(panel.series[0].points.back().y == 499);
    CHECK(panel.series[0].points.back().x == double(panel.categories.size() - 1));
  }
  CHECK(chart_pages({"x", "X", {bars(3)}})[0].panels[0].title == "Bars");
}

TEST_CASE("of very many lines the highest are drawn, and the title says how many there were") {
  Panel panel{"Lines", PanelKind::kLine, "x", "y", {}, {}};
  for (int i = 0; i < 40; ++i)
    panel.series.push_back({std::to_string(i), {{0, double(i)}, {1, double(i)}}});
  const std::vector<Chart> pages = chart_pages({"x", "X", {panel}});
  REQUIRE(pages.size() == 1);
  CHECK(height_of(pages[0]) <= kMostChartHeight);
  CHECK(pages[0].panels[0].series[0].name == "39");
  CHECK(pages[0].panels[0].title.find("highest of 40") != std::string::npos);
}

TEST_CASE("a report of many measurements has no image that is higher than a screen") {
  OrderedJson suites = test::suites_result();
  const OrderedJson figure = suites["suites"][0]["figures"][0];
  for (int i = 0; i < 300; ++i) {
    OrderedJson another = figure;
    another["name"] = fmt::format("figure {}", i);
    suites["suites"][0]["figures"].push_back(another);
  }
  const Report report = test::report_of({suites, test::monitor_result(60)});
  CHECK(!report.charts.empty());
  for (const Chart& chart : report.charts) CHECK(height_of(chart) <= kMostChartHeight);
}

TEST_CASE("a panel is drawn in the unit that people read, and exported in its own") {
  Panel panel = bars(2);
  panel.unit = "B/s";
  for (Point& point : panel.series[0].points) point.y = 4.41e11;
  const Chart chart{"x", "X", {panel}};
  const std::string script = chart_script(chart, ImageFormat::kSvg);
  CHECK(script.find("'GB/s'") != std::string::npos);
  CHECK(script.find("0 441 ") != std::string::npos);
  Report report{"t", "now"};
  report.charts.push_back(chart);
  const OrderedJson json = to_json(report)["charts"][0]["panels"][0];
  CHECK(json["y_label"] == "B/s");
  CHECK(json["series"][0]["points"][0]["y"] == 4.41e11);
}

TEST_CASE("labels of points that lie beside each other are not on one another, nor under a point") {
  Panel panel{"p", PanelKind::kScatter, "x", "y", {}, {{"s", {}}}};
  for (const double x : {50.0, 80.0, 100.0})
    panel.series[0].points.push_back({x, 10, std::nullopt, "a long name of a configuration"});
  const std::string script = point_labels(panel, 100, 10);
  CHECK(script.find("front") != std::string::npos);
  std::set<std::string> heights;  // the second number of each offset
  for (size_t at = 0; (at = script.find("offset ", at)) != std::string::npos; ++at) {
    const size_t comma = script.find(',', at);
    heights.insert(script.substr(comma, script.find(" front", at) - comma));
  }
  CHECK(heights.size() == 3);
}
