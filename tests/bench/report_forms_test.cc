// The forms of a report agree in every cell, hold the data that they were made from, and are inert.
#include <doctest/doctest.h>

#include <map>
#include <regex>
#include <set>

#include "bench/report/gnuplot.h"
#include "bench/report/shown_table.h"
#include "bench/report/writers.h"
#include "bench/support/csv.h"
#include "tests/bench/report_results.h"
#include "tests/bench/schema_check.h"
#include "tests/support/scratch.h"

using namespace qwench;
using namespace qwench::bench;
using namespace qwench::bench::report;
using qwench::test::bench_result;

namespace {

/// Shown texts of all cells: [section id][row][column].
using Shown = std::map<std::string, std::vector<std::vector<std::string>>>;

Report fixture_report() {
  return build_report(load_documents(test::report_fixtures()), {}, "Report");
}

std::string unescaped(std::string text) {
  const std::pair<const char*, const char*> kEntities[] = {
      {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&#39;", "'"}, {"&amp;", "&"}};
  for (const auto& [entity, character] : kEntities)
    for (size_t at = 0; (at = text.find(entity, at)) != std::string::npos; ++at)
      text.replace(at, std::string(entity).size(), character);
  return text;
}

std::vector<std::string> split(const std::string& text, const std::string& by) {
  std::vector<std::string> parts;
  size_t start = 0;
  for (size_t at; (at = text.find(by, start)) != std::string::npos; start = at + by.size())
    parts.push_back(text.substr(start, at - start));
  parts.push_back(text.substr(start));
  return parts;
}

Shown shown_in_html(const std::string& html) {
  Shown shown;
  for (const std::string& table : split(html, "<table data-id=\"")) {
    const std::string id = table.substr(0, table.find('"'));
    const size_t body = table.find("<tbody>");
    if (body == std::string::npos) continue;
    std::vector<std::string> rows =
        split(table.substr(body, table.find("</tbody>") - body), "<tr>");
    for (size_t r = 1; r < rows.size(); ++r) {
      shown[id].emplace_back();
      std::vector<std::string> cells = split(rows[r], "<td");
      for (size_t c = 1; c < cells.size(); ++c) {
        const std::string inner = cells[c].substr(cells[c].find('>') + 1,
                                                  cells[c].find("</td>") - cells[c].find('>') - 1);
        shown[id].back().push_back(unescaped(std::regex_replace(inner, std::regex("<[^>]*>"), "")));
      }
    }
  }
  return shown;
}

Shown shown_in_markdown(const Report& report, const std::string& markdown) {
  Shown shown;
  for (const std::string& part : split(markdown, "\n## ")) {
    const std::string title = part.substr(0, part.find('\n'));
    for (const Section& section : report.sections) {
      if (section.title != title) continue;
      int line_number = 0;
      for (const std::string& line : split(part, "\n")) {
        if (line.rfind("| ", 0) != 0 || line_number++ == 0) continue;
        shown[section.id].emplace_back();
        for (std::string& cell : split(line.substr(2, line.size() - 4), " | "))
          shown[section.id].back().push_back(
              unescaped(std::regex_replace(cell, std::regex(R"(\\(.))"), "$1")));
      }
    }
  }
  return shown;
}

}  // namespace

TEST_CASE(
    "HTML and Markdown show every cell of the JSON, numbers rounded in the units of the tables") {
  const Report report = fixture_report();
  const std::vector<std::string> none(report.charts.size());
  const Shown html = shown_in_html(to_html(report, none, "not asked for"));
  const Shown markdown = shown_in_markdown(report, to_markdown(report));
  size_t numbers = 0;
  for (const Section& section : report.sections) {
    const ShownTable shown = shown_table(section);
    for (size_t r = 0; r < section.rows.size(); ++r)
      for (size_t c = 0; c < section.columns.size(); ++c) {
        INFO(section.id << " row " << r << " column " << c);
        CHECK(html.at(section.id).at(r).at(c) == shown.cells[r][c]);
        CHECK(markdown.at(section.id).at(r).at(c) == shown.cells[r][c]);
        numbers += std::holds_alternative<double>(section.rows[r][c]);
      }
  }
  CHECK(numbers > 200);
}

TEST_CASE("every number of the JSON is in the CSV of all tables, and nothing else is") {
  const Report report = fixture_report();
  const OrderedJson json = to_json(report);
  std::vector<CsvRow> rows = parse_csv(tables_csv(report), "csv");
  size_t at = 1;
  for (const OrderedJson& section : json["sections"])
    for (size_t r = 0; r < section["rows"].size(); ++r)
      for (size_t c = 0; c < section["columns"].size(); ++c) {
        REQUIRE(at < rows.size());
        const std::vector<std::string>& cells = rows[at++].cells;
        const OrderedJson& value = section["rows"][r][c];
        CHECK(cells.at(0) == section["id"]);
        if (value.is_number()) CHECK(std::stod(cells.at(4)) == value.get<double>());
        if (value.is_null()) CHECK_MESSAGE(!cells.at(5).empty(), "a missing value has a reason");
      }
  CHECK(at == rows.size());
}

TEST_CASE("the console has the cells of every row in their order") {
  const Report report = fixture_report();
  const std::string console = to_console(report);
  for (const Section& section : report.sections) {
    const size_t start = console.find("\n" + section.title + "\n===");
    REQUIRE(start != std::string::npos);
    size_t line = console.find("\n--", start);
    const ShownTable shown = shown_table(section);
    for (size_t r = 0; r < section.rows.size(); ++r) {
      line = console.find('\n', line + 1);
      const std::string text = console.substr(line + 1, console.find('\n', line + 1) - line - 1);
      size_t at = 0;
      for (size_t c = 0; c < section.columns.size(); ++c)
        if (std::holds_alternative<double>(section.rows[r][c])) {
          INFO(section.id << ": " << text);
          at = text.find(shown.cells[r][c], at);
          REQUIRE(at != std::string::npos);
        }
    }
  }
}

TEST_CASE("CSV for spreadsheets has the columns of the guides and the samples' mean") {
  const Report report = test::report_of({bench_result("=cmd|' /C calc'!A0", {90, 100, 110})});
  const std::vector<CsvRow> rows = parse_csv(metrics_csv(report), "csv");
  const std::vector<std::string> heads = {"Mode", "Metric", "Mean",   "Std",
                                          "Min",  "Max",    "Median", "Num Runs"};
  CHECK(rows.at(0).cells == heads);
  CHECK(rows.at(3).cells.at(1) == "decode 8 tokens (tokens/s)");
  CHECK(std::stod(rows.at(3).cells.at(2)) == 100);
  CHECK(std::stod(rows.at(3).cells.at(7)) == 3);
  CHECK(rows.at(3).cells.at(0)[0] == '\'');  // no formula
  const std::vector<CsvRow> summary = parse_csv(summary_csv(report), "csv");
  CHECK(summary.at(0).cells == std::vector<std::string>{"Metric", "Value"});
  CHECK(summary.size() >= 8);
}

TEST_CASE("the JSON is as its schema says, whatever it is made of") {
  if (!test::schemas_available()) return;
  const auto violation = [](const OrderedJson& json) {
    return test::schema_violation(parse_json(to_text(json), "report"), "report");
  };
  CHECK(violation(to_json(fixture_report())) == "");
  const Report others = test::report_of({test::suites_result(), test::monitor_result(30)});
  CHECK(violation(to_json(others)) == "");
  OrderedJson spoiled = to_json(others);
  spoiled["sections"][0]["columns"][0]["kind"] = "colour";
  CHECK(violation(spoiled) != "");
  spoiled = to_json(others);
  spoiled.erase("charts");
  CHECK(violation(spoiled) != "");
}

TEST_CASE("the export for github-action-benchmark has every throughput, as a median") {
  const OrderedJson list = github_action_json(
      test::report_of({bench_result("m", {90, 100, 115}), test::suites_result()}));
  REQUIRE(list.size() == 2);
  CHECK(list[1]["name"] == "m q4_0, decode 8 tokens");
  CHECK(list[1]["unit"] == "tokens/s");
  CHECK(list[1]["value"] == 100.0);
  CHECK(list[1]["extra"] == "3 runs");
}

TEST_CASE("an HTML report is also its data: read back, it makes the same report") {
  const test::ScratchFolder scratch;
  const Report first = fixture_report();
  const std::vector<std::string> none(first.charts.size());
  const std::string page = scratch.write("report.html", to_html(first, none, "not asked for"));
  const std::string json = scratch.write("report.json", to_text(to_json(first)));
  for (const std::string& file : {page, json}) {
    const Report again = build_report(load_documents({file}), {}, "Report");
    CHECK(to_json(again)["sections"] == to_json(first)["sections"]);
    CHECK(to_json(again)["documents"] == to_json(first)["documents"]);
  }
}

TEST_CASE("a hostile model name is text in every form") {
  const std::string name = "<img src=x onerror=alert(1)></script><!--|`touch x`\x1b[2J'\"";
  const Report report = test::report_of({bench_result(name, {90, 100, 110})});
  const std::vector<std::string> none(report.charts.size());
  const std::string html = to_html(report, none, "");
  CHECK(html.find("<img src=x") == std::string::npos);
  CHECK(html.find("<!--") == std::string::npos);
  size_t scripts = 0;
  for (size_t at = 0; (at = html.find("</script>", at)) != std::string::npos; ++at) ++scripts;
  CHECK(scripts == 2);
  CHECK(html.find("\x1b") == std::string::npos);
  CHECK(to_console(report).find("\x1b") == std::string::npos);
  CHECK(to_markdown(report).find("<img") == std::string::npos);
  CHECK(html.find("default-src 'none'") != std::string::npos);
  for (const char* outside : {"http://", "https://", "src=\"//", "@import", "url("})
    CHECK_MESSAGE(html.find(outside) == std::string::npos, outside);
}

TEST_CASE("text reaches gnuplot in single quotes only, without backticks and control characters") {
  CHECK(gnuplot_quoted("it's `id` \"x\"\n\\") == "'it''s id \"x\"\\'");
  CHECK(gnuplot_quoted(std::string(100, 'a')) == "'" + std::string(70, 'a') + "...'");
  const Report report =
      test::report_of({bench_result("`touch x`'; system('id')\n!id", {9, 10, 11})});
  for (const Chart& chart : report.charts) {
    const std::string script = chart_script(chart, ImageFormat::kPng);
    CHECK(script.find('`') == std::string::npos);
    CHECK(script.find("\n!") == std::string::npos);
    CHECK(script.find("; system('id')") == std::string::npos);  // its quotes are doubled
  }
}
