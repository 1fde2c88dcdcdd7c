// `qwench report` as a program: what it writes, what it refuses, and what it leaves behind.
#include <cstdlib>
#include <filesystem>

#include "bench/report/gnuplot.h"
#include "bench/support/child_process.h"
#include "engine/base/check.h"
#include "tests/bench/program.h"
#include "tests/bench/report_results.h"

using namespace qwench;
using namespace qwench::test;

namespace {

std::string text_of(const OrderedJson& json) { return bench::to_text(json); }

void check_refused(const std::string& contents, const std::vector<std::string>& said) {
  const ScratchFolder scratch;
  const std::string file = scratch.write("result.json", contents);
  const Outcome o = run("report " + file + " --html " + scratch.file("out/x.html") + " --csv " +
                        scratch.file("x.csv") + " --json " + scratch.file("x.json"));
  INFO(contents.substr(0, 200));
  INFO(o.err);
  CHECK(o.code == 1);
  CHECK(o.out.empty());
  for (const std::string& part : said) CHECK_MESSAGE(o.err.find(part) != std::string::npos, part);
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(scratch.path())) {
    (void)entry;
    ++files;
  }
  CHECK(files == 1);  // nothing but the input
}

bool have_gnuplot() {
  bench::ChildSpec spec;
  spec.arguments = {bench::report::gnuplot_program(), "--version"};
  const bool there = bench::run_child(spec).ok();
  if (!there) MESSAGE("skipped: gnuplot is not installed");
  return there;
}

std::string be32(const std::string& bytes, size_t at) { return bytes.substr(at, 4); }

}  // namespace

TEST_CASE("without outputs the report goes to stdout, with them its summary and their names") {
  if (!available()) return;
  const ScratchFolder scratch;
  const std::string file = report_fixture("bench-bf16.json");
  const Outcome console = run("report " + file);
  CHECK(console.code == 0);
  for (const char* part : {"BENCHMARK SUMMARY", "Metrics", "Mode", "Mean", "Test environment"})
    CHECK_MESSAGE(console.out.find(part) != std::string::npos, part);
  const std::string csv = scratch.file("x.csv"), markdown = scratch.file("x.md");
  const Outcome saved = run("report --from " + file + " --csv " + csv + " --markdown " + markdown);
  CHECK(saved.code == 0);
  CHECK(saved.out.find(csv) != std::string::npos);
  CHECK(read_file(csv, 1 << 20).rfind("Mode,Metric,Mean,Std,Min,Max,Median,Num Runs\n", 0) == 0);
  const std::string text = read_file(markdown, 1 << 20);
  for (const char* part : {"## Test environment", "## Models tested", "## Speed", "## Memory"})
    CHECK_MESSAGE(text.find(part) != std::string::npos, part);
}

TEST_CASE("an HTML report is read back by the program") {
  if (!available()) return;
  const ScratchFolder scratch;
  const std::string page = scratch.file("r.html"), again = scratch.file("again.json"),
                    first = scratch.file("first.json");
  const std::string file = report_fixture("compare.json");
  REQUIRE(run("report " + file + " --html " + page + " --json " + first).code == 0);
  REQUIRE(run("report --from " + page + " --json " + again).code == 0);
  CHECK(parse_json_file(first).at("sections") == parse_json_file(again).at("sections"));
}

TEST_CASE("a file that is no result is refused with file, key and what was expected") {
  if (!available()) return;
  OrderedJson good = bench_result("m", {90, 100, 110});
  check_refused("", {"result.json", "empty file"});
  check_refused("{\"a\": ", {"result.json", "not valid JSON"});
  check_refused(std::string(100000, '['), {"nested deeper"});
  check_refused("[]", {"result.json", "expected a result of bench", "got JSON that is no object"});
  check_refused("{}",
                {"expected a result of bench", "got a JSON object without the key `command`"});
  check_refused("<!doctype html><p>other",
                {"got an HTML page that `qwench report --html` did not write"});
  OrderedJson bad = good;
  bad["command"] = "benhc";
  check_refused(text_of(bad), {"'benhc'", "did you mean bench?"});
  bad = good, bad["schema_version"] = 99;
  check_refused(text_of(bad), {"schema_version: expected 1, got 99"});
  bad = good, bad["rows"][1].erase("wall_ns");
  check_refused(text_of(bad), {"rows[1].wall_ns: expected a value, found no such key"});
  bad = good, bad["rows"][1]["tokens_per_second"]["median"] = "fast";
  check_refused(text_of(bad), {"rows[1].tokens_per_second.median: expected a number, got 'fast'"});
  bad = good, bad["rows"][0]["tokens_per_second"]["median"] = 1e9;
  check_refused(text_of(bad), {"expected min <= median <= max"});
  bad = good, bad["rows"][0]["phase"] = "sleep";
  check_refused(text_of(bad), {"expected prefill or decode, got 'sleep'"});
  bad = monitor_result(3), bad["samples"][1]["timestamp"] = "noon";
  check_refused(text_of(bad), {"samples[1].timestamp: expected a time", "'noon'"});
  bad = monitor_result(0);
  check_refused(text_of(bad), {"samples: expected at least one sample"});
}

TEST_CASE("members that nobody asked for do no harm") {
  OrderedJson result = bench_result("m", {90, 100, 110});
  result["energy"] = {{"joules", 3}}, result["rows"][0]["telemetry"] = {1, 2, 3};
  CHECK(report_of({result}).find("metrics")->rows.size() == 3);
}

TEST_CASE("a full disk is an error, on a file and on stdout") {
  if (!available() || !std::filesystem::exists("/dev/full")) return;
  const std::string file = report_fixture("bench-bf16.json");
  for (const char* form : {"--html", "--csv", "--json", "--markdown"}) {
    const Outcome o = run("report " + file + " " + form + " /dev/full");
    CHECK(o.code == 1);
    CHECK(o.err.find("/dev/full") != std::string::npos);
  }
  CHECK(std::filesystem::is_character_file("/dev/full"));
  CHECK(run("report " + file + " >/dev/full").code == 1);
}

TEST_CASE("wrong options are usage errors") {
  if (!available()) return;
  const std::string file = report_fixture("bench-bf16.json");
  check_usage_error("report", "expected result files, got none");
  check_usage_error("report " + file + " --limit colour=3", "memory, ttft");
  check_usage_error("report " + file + " --limit memroy=3GB", "did you mean memory?");
  check_usage_error("report " + file + " --csv x --json x", "a file of its own");
  check_usage_error("visualize " + file + " --metric taste --output-file x.png", "taste");
  for (const char* name : {"x.gif", "x", "x.pngx", ".png"})
    check_usage_error(std::string("visualize /nonexistent/result.json --output-file ") + name,
                      ".png or .svg");
}

TEST_CASE(
    "without gnuplot the page keeps its tables and says so; PNG is an error that names the "
    "package") {
  if (!available()) return;
  const ScratchFolder scratch;
  const std::string file = report_fixture("bench-bf16.json"), page = scratch.file("r.html");
  REQUIRE(setenv("QWENCH_GNUPLOT", "/nonexistent/gnuplot", 1) == 0);
  const Outcome html = run("report " + file + " --html " + page);
  const Outcome png = run("report " + file + " --png " + scratch.file("charts"));
  const Outcome one = run("visualize " + file + " --output-file " + scratch.file("x.png"));
  const Outcome folder = run("report " + file + " --output " + scratch.file("all"));
  unsetenv("QWENCH_GNUPLOT");
  CHECK(html.code == 0);
  const std::string text = read_file(page, 1 << 24);
  CHECK(text.find("gnuplot-nox") != std::string::npos);
  CHECK(text.find("data-id=\"metrics\"") != std::string::npos);
  CHECK(png.code == 1);
  CHECK(png.err.find("gnuplot-nox") != std::string::npos);
  CHECK(!std::filesystem::exists(scratch.file("charts")));
  CHECK(one.code == 1);
  CHECK(folder.code == 0);
  for (const char* name :
       {"benchmark_results.json", "benchmark_summary.csv", "report.md", "report.html"})
    CHECK_MESSAGE(std::filesystem::exists(scratch.file(std::string("all/") + name)), name);
}

TEST_CASE("charts are PNG files of 300 dpi under their names") {
  if (!available() || !have_gnuplot()) return;
  const ScratchFolder scratch;
  const std::string history = scratch.write("history.json", text_of(monitor_result(50)));
  const std::string folder = scratch.file("performance_charts");
  const Outcome o =
      run("report " + report_fixture("bench-bf16.json") + " " + history + " --png " + folder);
  INFO(o.err);
  REQUIRE(o.code == 0);
  for (const char* name :
       {"benchmark_visualization", "performance_trends", "performance_distributions", "memory"}) {
    const std::string png = read_file(folder + "/" + name + ".png", 1 << 26);
    CHECK(png.substr(1, 3) == "PNG");
    CHECK(be32(png, 16) == std::string("\0\0\x0a\x8c", 4));  // 2700 pixels wide
    CHECK(png.substr(37, 4) == "pHYs");
  }
  const std::string svg = scratch.file("x.svg");
  CHECK(run("visualize --results-files " + report_fixture("bench-bf16.json") +
            " --metric memory --output-file " + svg)
            .code == 0);
  CHECK(read_file(svg, 1 << 24).rfind("<?xml", 0) == 0);
}

TEST_CASE("what is written in a name is not run by gnuplot") {
  if (!have_gnuplot()) return;
  const ScratchFolder scratch;
  const std::string file = scratch.file("made");
  const std::string hostile =
      "`touch " + file + "`'.system('touch " + file + "').'\n!touch " + file;
  const bench::report::Report report = report_of({bench_result(hostile, {90, 100, 110})});
  for (bench::report::Chart chart : report.charts) {
    chart.panels[0].title = hostile, chart.panels[0].y_label = hostile;
    if (!chart.panels[0].categories.empty()) chart.panels[0].categories[0] = hostile;
    bench::report::draw_chart(chart, bench::report::ImageFormat::kSvg);
  }
  CHECK(!std::filesystem::exists(file));
}

TEST_CASE("a child that hangs, floods, fails or is not there is reported, never waited for") {
  bench::ChildSpec spec;
  const auto shell = [&](const char* command) {
    spec.arguments = {"sh", "-c", command};
    return bench::run_child(spec);
  };
  spec.timeout_ms = 200;
  CHECK(shell("exec sleep 30").timed_out);
  CHECK(shell("exec >&- 2>&-; exec sleep 30").timed_out);
  spec.timeout_ms = 20000, spec.max_output = 1000;
  CHECK(shell("exec yes").too_long);
  CHECK(shell("exit 3").exit_code == 3);
  CHECK(shell("echo no >&2; kill -9 $$").signal == 9);
  CHECK(bench::describe(shell("echo no >&2; exit 3"), spec) == "exit code 3: 'no'");
  spec.input = std::string(1 << 20, 'x');
  CHECK(shell("exit 0").ok());  // never reads its input
  CHECK(shell("head -c 5").output == "xxxxx");
  spec.arguments = {"/nonexistent/program"};
  CHECK(bench::run_child(spec).start_error != 0);
}
