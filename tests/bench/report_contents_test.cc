// What a report concludes: rankings, speedups, alarms, histories, and which configuration to take.
#include <doctest/doctest.h>

#include <cmath>

#include "bench/report/writers.h"
#include "engine/base/check.h"
#include "tests/bench/report_results.h"

using namespace qwench;
using namespace qwench::bench;
using namespace qwench::bench::report;
using qwench::test::accuracy_result;
using qwench::test::bench_result;
using qwench::test::report_of;

namespace {

const std::vector<double> kSlow = {98, 99, 100, 101, 102}, kFast = {198, 199, 200, 201, 202};

std::string cell(const Report& report, const char* section, size_t row, size_t column) {
  const Section* found = report.find(section);
  REQUIRE_MESSAGE(found, section);
  return display(found->rows.at(row).at(column));
}

std::string all_conclusions(const Report& report) {
  std::string text;
  for (const std::string& line : report.conclusions) text += line + "\n";
  return text;
}

}  // namespace

TEST_CASE("throughputs are in order, each against the first mode; the fastest is named") {
  const Report report = report_of({bench_result("slow", kSlow), bench_result("fast", kFast)});
  // Prefill is equal in both; decode comes after it.
  CHECK(cell(report, "throughput", 2, 1) == "fast q4_0");
  CHECK(cell(report, "throughput", 2, 3) == "2");
  CHECK(cell(report, "throughput", 2, 4) == "100");
  CHECK(cell(report, "throughput", 2, 5) == "fastest");
  CHECK(cell(report, "throughput", 0, 5) == "not_separated");
  CHECK(cell(report, "throughput", 3, 5) == "slower");
  CHECK(cell(report, "throughput", 1, 5) == "not_separated");
  CHECK(all_conclusions(report).find("Fastest Mode: fast q4_0") != std::string::npos);
}

TEST_CASE("two results of one configuration give a speedup with an interval") {
  const Report report = report_of({bench_result("m", kSlow), bench_result("m", kFast)});
  const Section& speedup = *report.find("speedup");
  CHECK(cell(report, "speedup", 2, 6) == "2");
  CHECK(cell(report, "speedup", 2, 9) == "better");
  CHECK(std::get<double>(speedup.rows[2][7]) > 1.8);
  CHECK(std::get<double>(speedup.rows[2][8]) < 2.2);
  CHECK(cell(report, "speedup", 0, 9) == "not_separated");
  CHECK(cell(report, "speedup", 2, 1) == "m q4_0 [0.json]");
  CHECK(speedup.rows.size() == 3);
  CHECK(cell(report_of({bench_result("m", kFast), bench_result("m", kSlow)}), "speedup", 2, 9) ==
        "worse");
}

TEST_CASE("a scatter above a tenth of the mean raises the alarm with its usual causes") {
  const Report calm = report_of({bench_result("m", kSlow)});
  CHECK(calm.find("variance") == nullptr);
  const Report wild = report_of({bench_result("m", {50, 100, 150, 100, 100})});
  CHECK(cell(wild, "variance", 0, 4) == "unstable");
  CHECK(to_markdown(wild).find("governor") != std::string::npos);
}

TEST_CASE("the fastest configuration within the limits is recommended, with what the others miss") {
  const std::vector<OrderedJson> results = {
      bench_result("small", kFast), bench_result("large", kSlow),
      accuracy_result("small", 0.2, false), accuracy_result("large", 0.001, true)};
  const std::string free = all_conclusions(report_of(results));
  CHECK(free.find("Recommended: candidate (large q4_0)") != std::string::npos);
  CHECK(free.find("not candidate (small q4_0) (200 tokens/s): failed kl_mean (2.json)") !=
        std::string::npos);
  CHECK(free.find("Fastest Mode: candidate (small q4_0) (decode 8 tokens, median 200 tokens/s); "
                  "candidate (small q4_0) failed kl_mean (2.json)") != std::string::npos);
  const Report limited = report_of(results, {"kl=0.5", "memory=4GB"});
  CHECK(all_conclusions(limited).find("within kl=0.5, memory=4GB") != std::string::npos);
  // Limits come on top of the checks: what failed one is never recommended.
  CHECK(all_conclusions(limited).find("Recommended: candidate (large q4_0)") != std::string::npos);
  const std::string none = all_conclusions(report_of(results, {"memory=1GB"}));
  CHECK(none.find("No recommendation") != std::string::npos);
  const Report unknown = report_of({bench_result("small", kFast)}, {"kl=0.1"});
  CHECK(cell(unknown, "choices", 0, 9) == "unknown");
  CHECK(all_conclusions(unknown).find("No recommendation") != std::string::npos);
}

TEST_CASE("a configuration that another one beats in everything is not on the front") {
  const Report report =
      report_of({bench_result("a", kFast), bench_result("b", kSlow),
                 accuracy_result("a", 0.1, true), accuracy_result("b", 0.2, true)});
  CHECK(cell(report, "choices", 0, 8) == "yes");
  CHECK(cell(report, "choices", 1, 8) == "no");
  REQUIRE(report.find_chart("pareto"));
  CHECK(report.find_chart("pareto")->panels[0].series[0].points.size() == 1);
}

TEST_CASE("limits are read with units, and nonsense is a usage error") {
  CHECK(parse_limits({"memory=4GB"})[0].value == 4e9);
  CHECK(parse_limits({"memory=2GiB"})[0].value == 2147483648.0);
  CHECK(parse_limits({"ttft=0.5s"})[0].value == 500);
  CHECK(parse_limits({"kl=0.01"})[0].value == 0.01);
  for (const char* wrong :
       {"memory", "memory=", "memory=x", "memory=-1", "memory=4parsec", "kl=1GB", "kl=nan",
        "kl=0x1", "kl=1e999", "ttft=inf", "colour=3", "=3", ""})
    CHECK_THROWS_AS(parse_limits({wrong}), UsageError);
  CHECK_THROWS_AS(parse_limits({"kl=1", "kl=2"}), UsageError);
}

TEST_CASE("a batch sweep names the optimal batch size") {
  OrderedJson result = bench_result("m", kSlow);
  OrderedJson larger = result["rows"][1];
  larger["batch"] = 4, larger["tokens_per_second"] = to_json(summarize(kFast));
  result["rows"].push_back(larger);
  const Report report = report_of({result});
  CHECK(to_markdown(report).find("best throughput 200 tokens/s, optimal batch size 4") !=
        std::string::npos);
  CHECK(cell(report, "batch", 1, 5) == "optimal batch size");
  CHECK(cell(report, "batch", 1, 4) == "50");
  CHECK(report.find_chart("scaling"));
}

TEST_CASE("a history becomes trends and distributions of 20 bins that hold every sample") {
  const Report report = report_of({test::monitor_result(60)});
  const Chart* trends = report.find_chart("performance_trends");
  const Chart* distributions = report.find_chart("performance_distributions");
  REQUIRE(trends);
  REQUIRE(distributions);
  REQUIRE(trends->panels.size() == 2);
  CHECK(trends->panels[0].series[0].points.back().x == 29.5);  // hours
  for (const Panel& panel : distributions->panels) {
    CHECK(panel.series[0].points.size() == 20);
    double sum = 0;
    for (const Point& bin : panel.series[0].points) sum += bin.y;
    CHECK(sum == 60);
  }
}

TEST_CASE("figures and criteria of suites keep their units, outcomes and reasons") {
  const Report report = report_of({test::suites_result()});
  CHECK(cell(report, "metrics", 0, 1) == "first_token_latency");
  CHECK(cell(report, "metrics", 0, 2) == "ms");
  CHECK(cell(report, "metrics", 0, 4) == "3");
  CHECK(cell(report, "not_measured", 0, 2) == "no counter");
  CHECK(cell(report, "criteria", 0, 6) == "pass");
  CHECK(cell(report, "criteria", 1, 3) == "-");
  CHECK(cell(report, "criteria", 1, 6) == "unreachable here");
}

TEST_CASE("a percentile is there only where there are samples for it") {
  const Report few = report_of({test::monitor_result(40)}),
               many = report_of({test::monitor_result(60)});
  CHECK(cell(few, "metrics", 0, 12) == "-");
  CHECK(cell(many, "metrics", 0, 12) != "-");
  CHECK(cell(many, "metrics", 0, 13) == "-");  // P99 takes 299
}

TEST_CASE("what was interrupted, failed or overflowed is said, never shown as a figure") {
  OrderedJson result = bench_result("m", kSlow);
  result["interrupted"] = true;
  result["rows"][1]["energy"] = {
      {"source", nullptr}, {"provenance", "unavailable"}, {"reason", "no meter"}};
  result["rows"][1]["wall_ns"] = 1e308, result["rows"][1]["percent_of_roofline"] = 1e308;
  OrderedJson row = result["rows"][1]["tokens_per_second"];
  for (const char* key : {"mean", "median", "min", "max"}) row[key] = 1e308;
  row["std"] = 0, row.erase("ci95"), row.erase("values");
  result["rows"][1]["tokens_per_second"] = row, result["rows"][1]["batch"] = 4;
  OrderedJson history = test::monitor_result(3);
  history["samples"].push_back({{"timestamp", "2026-01-02T00:00:00Z"}, {"error", "no memory"}});
  const Report report = report_of({result, history});
  CHECK(report.find("sources")->notes.at(0).find("interrupted") != std::string::npos);
  CHECK(cell(report, "not_measured", 0, 2) == "no memory");
  CHECK(cell(report, "energy", 0, 4) == "-");
  CHECK(std::get<Missing>(report.find("energy")->rows[0][4]).reason == "no meter");
  for (const Section& section : report.sections)
    for (const std::vector<Cell>& cells : section.rows)
      for (const Cell& c : cells)
        if (const auto* number = std::get_if<double>(&c)) CHECK(std::isfinite(*number));
  CHECK(tables_csv(report).find(",inf,") == std::string::npos);
}

TEST_CASE("builds of the program that were compared are modes of their own") {
  const OrderedJson speed = to_json(summarize(kSlow));
  OrderedJson result = {{"schema_version", 1}, {"command", "compare"}};
  result["config"] = {{"model", "m"}, {"decode_tokens", 8}};
  result["pairs"] = OrderedJson::array(), result["configurations"] = OrderedJson::array();
  for (const char* name : {"old", "new"})
    result["configurations"].push_back({{"name", name},
                                        {"program", std::string("/builds/") + name},
                                        {"memory_bytes", nullptr},
                                        {"decode_tokens_per_second", speed},
                                        {"logits", {{"tokens", 0}, {"mean_kl", nullptr}}}});
  const Report report = report_of({result});
  CHECK(cell(report, "models", 1, 7) == "/builds/new");
  CHECK(cell(report, "models", 1, 4) == "-");
  CHECK(cell(report, "throughput", 1, 5) == "not_separated");
  CHECK(report.find("memory") == nullptr);
}

TEST_CASE("results of two machines are said to be that") {
  OrderedJson other = bench_result("b", kSlow);
  other["environment"]["cpu"]["model"] = "another cpu";
  const Report report = report_of({bench_result("a", kSlow), other});
  const Section& environment = *report.find("environment");
  CHECK(environment.columns.size() == 3);
  CHECK(environment.notes.at(0).find("differ in processor") != std::string::npos);
  CHECK(report.find("throughput") == nullptr);  // what is of two machines is not ranked
  CHECK(all_conclusions(report).find("Fastest") == std::string::npos);
  const Report one = report_of({bench_result("a", kSlow), bench_result("a", kFast)});
  CHECK(one.find("environment")->columns.size() == 2);
}

TEST_CASE("numbers for people have four digits, numbers for programs all of them") {
  CHECK(display(1591.8985) == "1592");
  CHECK(display(108.6404) == "108.6");
  CHECK(display(0.000012345) == "1.234e-05");
  CHECK(display(494032768) == "494032768");
  CHECK(display(0.0) == "0");
  CHECK(std::stod(exact(0.1 + 0.2)) == 0.1 + 0.2);
}

TEST_CASE("a text that was scored in part only passes as far as it was") {
  OrderedJson result = test::accuracy_result("m", 0.1, true);
  result["interrupted"] = true, result["text"]["windows_run"] = 1;
  result["candidates"][0]["tokens"] = 63;
  const Report report = report_of({result});
  CHECK(cell(report, "quality", 1, 7) == "pass on 1 of 4 windows");
  CHECK(cell(report, "tolerances", 0, 5) == "pass on 1 of 4 windows");
  CHECK(all_conclusions(report).find("Tolerances: 1 of 1 passed") == std::string::npos);
  OrderedJson failed = result;
  failed["candidates"][0]["verdicts"][0]["pass"] = false;
  failed["candidates"][0]["pass"] = false, failed["pass"] = false;
  CHECK(cell(report_of({failed}), "quality", 1, 7) == "fail");
}

TEST_CASE("the reference has its bar beside those that are compared with it") {
  const Report report = report_of({test::accuracy_result("m", 0.1, true)});
  const Chart* chart = report.find_chart("quality");
  REQUIRE(chart);
  for (const Panel& panel : chart->panels)
    if (panel.title.find("Perplexity") == 0)
      CHECK(panel.categories == std::vector<std::string>{"reference", "candidate"});
}

TEST_CASE("limits have the names that other commands give the same figures") {
  CHECK(parse_limits({"kld_mean=0.1"})[0].name == "kl");
  CHECK(parse_limits({"mem=4GB"})[0].value == 4e9);
  CHECK_THROWS_AS(parse_limits({"kld_mean=0.1", "kl=0.2"}), UsageError);
}
