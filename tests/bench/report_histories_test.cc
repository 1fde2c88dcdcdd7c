// Every file with results that the program itself writes is read by `report`.
#include <filesystem>

#include "bench/report/documents.h"
#include "bench/report/writers.h"
#include "engine/base/check.h"
#include "tests/bench/program.h"
#include "tests/bench/report_results.h"

using namespace qwench;
using namespace qwench::test;
using namespace qwench::bench::report;

namespace {

Report report_of_files(const std::vector<std::string>& files) {
  return build_report(load_documents(files), {}, "Report");
}

std::string line_of(const OrderedJson& json) { return bench::to_line(json); }

std::string refusal_of(const std::string& file) {
  try {
    load_documents({file});
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

OrderedJson sample_line(const OrderedJson& row, const OrderedJson& with) {
  return {{"time", "2026-01-31T12:00:00Z"},
          {"with", with},
          {"row", row},
          {"roofline", OrderedJson::object()}};
}

}  // namespace

TEST_CASE("a history of the monitor is read as its lines; what is no line is counted") {
  const ScratchFolder scratch;
  std::string lines;
  for (int i = 0; i < 40; ++i) lines += line_of(monitor_sample(i, 1e8));
  lines += line_of({{"timestamp", "2026-01-02T00:00:00Z"}, {"error", "no memory"}});
  lines += R"({"timestamp": "2026-01-02T00:30:00Z", "respo)";  // the program was killed
  const Report report = report_of_files({scratch.write("history.jsonl", lines)});
  CHECK(report.find("metrics")->rows.size() == 4);
  CHECK(report.find("not_measured")->rows.size() == 1);
  REQUIRE(report.find("trend"));
  CHECK(report.find("sources")->notes.at(0).find("1 line left out") != std::string::npos);
  const Report one = report_of_files({scratch.write("one.jsonl", line_of(monitor_sample(0, 1e8)))});
  CHECK(one.find("metrics")->rows.size() == 4);
}

TEST_CASE("models of one history are apart") {
  const ScratchFolder scratch;
  std::string lines;
  for (int i = 0; i < 20; ++i) {
    OrderedJson other = monitor_sample(i, 9e8);
    other["model_name"] = "another";
    lines += line_of(monitor_sample(i, 1e8)) + line_of(other);
  }
  const Report report = report_of_files({scratch.write("history.jsonl", lines)});
  REQUIRE(report.find("trend")->rows.size() == 2);
  CHECK(display(report.find("trend")->rows[0][3]) == "100000000");
  CHECK(display(report.find("trend")->rows[1][3]) == "900000000");
}

TEST_CASE(
    "a journal of suites is read as the suites that are finished, the later of two counting") {
  const ScratchFolder scratch;
  OrderedJson suite = suites_result()["suites"][0];
  OrderedJson again = suite;
  again["criteria"][0]["outcome"] = "fail";
  const auto line = [](const OrderedJson& result, const char* hash) {
    return line_of({{"schema_version", 1}, {"config_hash", hash}, {"result", result}});
  };
  const Report report = report_of_files(
      {scratch.write("suites.jsonl", line(suite, "a") + line(again, "a") + line(suite, "b"))});
  CHECK(report.sources.size() == 2);  // two sets of options
  CHECK(report.find("criteria")->rows.size() == 4);
  CHECK(report.failures.size() == 1);
}

TEST_CASE("samples of a sweep are read as its cases, by what they were measured with") {
  const ScratchFolder scratch;
  const OrderedJson result = bench_result("m", {90, 100, 110});
  OrderedJson with = result["config"];
  with["version"] = "0.1.0 (commit 0123abc, Release)", with["cpu"] = "test cpu";
  with["kernels"] = {"linear=eigen"};
  OrderedJson newer = result["rows"][1];
  newer["tokens_per_second"] = bench::to_json(bench::summarize({190, 200, 210}));
  const std::string file =
      scratch.write("samples.jsonl", line_of(sample_line(result["rows"][0], with)) +
                                         line_of(sample_line(result["rows"][1], with)) +
                                         line_of(sample_line(newer, with)));
  const Report report = report_of_files({file});
  REQUIRE(report.find("speed")->rows.size() == 2);
  CHECK(display(report.find("speed")->rows[1][2]) == "200");
  CHECK(display(report.find("models")->rows[0][7]).find("linear=eigen") != std::string::npos);
}

TEST_CASE("the guides' headline file is read, means and medians in tables of their own") {
  const ScratchFolder scratch;
  const OrderedJson headline = {
      {"model_name", "qwench-tiny"},
      {"timestamp", "2026-01-31T12:00:00Z"},
      {"hardware", {{"device", "cpu"}, {"cuda_available", false}, {"cuda_device_name", nullptr}}},
      {"throughput",
       {{"samples_per_second", 10.5},
        {"tokens_per_second", 300.0},
        {"total_time", 2.0},
        {"total_samples", 20}}},
      {"latency", {{"mean", 0.1}, {"std", 0.01}, {"min", 0.09}, {"max", 0.2}}},
      {"memory", {{"allocated", 0.5}, {"reserved", nullptr}, {"max", nullptr}}}};
  const std::string file = scratch.write("benchmark_results.json", bench::to_text(headline));
  const Report report = report_of_files({file});
  CHECK(display(report.find("headline")->rows.at(1)[2]) == "300");
  CHECK(display(report.find("headline")->rows.at(5)[2]) == "-");
  CHECK(display(report.find("headline_latency")->rows.at(0)[1]) == "0.1");
  CHECK(to_console(report).find("476.8 MiB") != std::string::npos);
  CHECK(report_of_files({scratch.path()}).find("headline"));
}

TEST_CASE(
    "a folder stands for the fullest result in it, a file without results names what to give") {
  const ScratchFolder scratch;
  scratch.write("all_benchmark_results.json", bench::to_text(suites_result()));
  scratch.write("suites.jsonl", "");
  CHECK(report_of_files({scratch.path()}).find("criteria"));
  const ScratchFolder empty;
  CHECK(refusal_of(empty.path()).find("all_benchmark_results.json") != std::string::npos);
  for (const char* name : {"benchmark_summary.csv", "report.md", "memory.png"})
    CHECK(refusal_of(scratch.write(name, "x")).find("give the JSON or HTML") != std::string::npos);
  CHECK(refusal_of(scratch.write("empty.jsonl", "\n")).find("empty file") != std::string::npos);
}

TEST_CASE("a result that is given twice is counted once") {
  const ScratchFolder scratch;
  const std::string text = bench::to_text(bench_result("m", {90, 100, 110}));
  const Report report =
      report_of_files({scratch.write("a.json", text), scratch.write("b.json", text)});
  CHECK(report.find("metrics")->rows.size() == 3);
  CHECK(report.find("sources")->notes.at(0).find("the same result as") != std::string::npos);
}

TEST_CASE("what the program writes into a folder, it reads again") {
  if (!available()) return;
  const ScratchFolder scratch;
  const std::string model = std::string(QWENCH_SOURCE_DIR) + "/tests/data/text/qwen2-untied-f32";
  const std::string out = scratch.file("suites"), samples = scratch.file("samples.jsonl");
  const Outcome suites =
      run("bench -m " + model + " --specific-tests tensor_overhead --quick -t 1 --output " + out);
  REQUIRE_MESSAGE(suites.code == 0, suites.err);
  REQUIRE(run("bench -m " + model + " -p 4 -n 2 --runs 2 -t 1 --samples " + samples).code == 0);
  for (const char* name : {"all_benchmark_results.json", "system_benchmark_results.json",
                           "benchmark_results.json", "suites.jsonl"}) {
    const Outcome read = run("report " + out + "/" + name);
    CHECK_MESSAGE(read.code == 0, name << ": " << read.err);
  }
  CHECK(run("report " + out).code == 0);
  const Outcome both = run("report " + samples + " --output " + scratch.file("report"));
  CHECK_MESSAGE(both.code == 0, both.err);
  for (const char* name : {"benchmark_results.json", "report.html"})
    CHECK_MESSAGE(run("report " + scratch.file("report") + "/" + name).code == 0, name);
}
