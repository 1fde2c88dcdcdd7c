// `qwench regress`: what counts as worse, how sure that is, and the exit codes that CI reads.
#include "bench/regression/regression.h"

#include <doctest/doctest.h>

#include <fstream>

#include "engine/check.h"
#include "tests/bench/program.h"
#include "tests/support/scratch.h"

using namespace qwench;
using namespace qwench::bench;
using namespace qwench::test;

namespace {

/// A result of `qwench bench` with one row.
Json result(const std::vector<double>& speeds, double ttft_ms, double gb, double peak = 100e9) {
  Json row = {{"phase", "prefill"},
              {"n_tokens", 64},
              {"batch", 1},
              {"depth", 0},
              {"threads", 2},
              {"dtype", "bf16"},
              {"memory", {{"weights", {{"peak", gb * 1e9}}}}}};
  row["tokens_per_second"] = {{"values", speeds}};
  row["ttft_ns_values"] = Json::array();
  for (size_t i = 0; i < speeds.size(); ++i) row["ttft_ns_values"].push_back(ttft_ms * 1e6);
  return {{"schema_version", 1},
          {"environment", {{"cpu", {{"model", "x"}, {"physical_cores", 2}}}}},
          {"roofline", {{{"threads", 2}, {"fp32_fma", {{"per_second", peak}}}}}},
          {"rows", {row}}};
}

const std::vector<double> kBase = {99, 100, 101, 100, 100};

RegressionReport compare(const Json& current) {
  return find_regressions(result(kBase, 10, 1), current, "base.json", {});
}

std::vector<double> scaled(double factor) {
  std::vector<double> values = kBase;
  for (double& v : values) v *= factor;
  return values;
}

void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

}  // namespace

TEST_CASE("the same, and better, is no regression") {
  CHECK(!compare(result(kBase, 10, 1)).any(Change::kRegressed));
  CHECK(compare(result(scaled(1.5), 5, 0.5)).metrics.size() == 3);
  CHECK(!compare(result(scaled(1.5), 5, 0.5)).any(Change::kRegressed));
  CHECK(!compare(result(scaled(0.97), 10.5, 1.1)).any(Change::kRegressed));
}

TEST_CASE("each metric has its threshold, twice of it is critical") {
  const OrderedJson json = to_json(compare(result(scaled(0.92), 11.5, 1.4)));
  REQUIRE(json["regressions"].size() == 3);
  const auto& speed = json["regressions"][0];
  CHECK(speed["metric"] == "tokens_per_second");
  CHECK(speed["baseline_value"] == 100.0);
  CHECK(speed["current_value"] == doctest::Approx(92));
  CHECK(speed["change_percent"] == doctest::Approx(8));
  CHECK(speed["threshold_percent"] == 5.0);
  CHECK(speed["severity"] == "warning");
  CHECK(json["regressions"][1]["metric"] == "first_token_latency_ms");
  CHECK(json["regressions"][1]["severity"] == "warning");
  CHECK(json["regressions"][2]["metric"] == "memory_usage_gb");
  CHECK(json["regressions"][2]["severity"] == "critical");
}

TEST_CASE("a change that the samples do not support is inconclusive") {
  const RegressionReport report = compare(result({80, 120, 90, 110, 85}, 10, 1));
  CHECK(!report.any(Change::kRegressed));
  CHECK(report.any(Change::kInconclusive));
}

TEST_CASE("another machine, or one that runs slower itself, is no proof of slower code") {
  const RegressionReport slower = compare(result(scaled(0.8), 12, 1, 80e9));
  CHECK(!slower.any(Change::kRegressed));
  CHECK(slower.any(Change::kInconclusive));
  Json other = result(scaled(0.8), 10, 2);
  other["environment"]["cpu"]["model"] = "y";
  const RegressionReport report = compare(other);
  REQUIRE(report.metrics.size() == 3);
  CHECK(report.metrics[0].verdict == Change::kInconclusive);
  CHECK(report.metrics[2].verdict == Change::kRegressed);  // memory is the same everywhere
  Json fast = result(kBase, 10, 1), slow = result(scaled(0.6), 10, 1);
  fast["rows"][0]["read_bytes_per_second"] = 90e9, slow["rows"][0]["read_bytes_per_second"] = 89e9;
  CHECK(find_regressions(fast, slow, "base.json", {}).any(Change::kRegressed));
  slow["rows"][0]["read_bytes_per_second"] = 55e9;
  CHECK(!find_regressions(fast, slow, "base.json", {}).any(Change::kRegressed));
}

TEST_CASE("a document of another schema, or none at all, is refused by name") {
  Json old = result(kBase, 10, 1);
  old["schema_version"] = 99;
  CHECK_THROWS_WITH_AS(find_regressions(old, old, "old.json", {}), doctest::Contains("old.json"),
                       Error);
  CHECK_THROWS_AS(find_regressions(Json::object(), old, "x", {}), Error);
  Json broken = result(kBase, 10, 1);
  broken["rows"][0].erase("phase");
  CHECK_THROWS_AS(find_regressions(broken, broken, "x", {}), Error);
  for (const char* key : {"tokens_per_second", "memory"}) {
    broken = result(kBase, 10, 1);
    broken["rows"][0][key] = "text";
    CHECK_THROWS_WITH_AS(find_regressions(broken, broken, "odd.json", {}),
                         doctest::Contains("odd.json"), Error);
  }
}

TEST_CASE("regress runs a baseline again, and its exit codes are those that CI reads") {
  if (!available()) return;
  const ScratchFolder folder;
  const std::string base = folder.path() + "/base.json", slow = folder.path() + "/slow.json";
  write(base, result(kBase, 10, 1).dump());
  write(slow, result(scaled(0.5), 30, 1).dump());
  const std::string files = "regress --baseline " + base + " --current ";
  CHECK(run(files + base + " --json").code == 0);
  CHECK(run(files + slow).code == 4);
  CHECK(run(files + slow + " --bisect").code == 1);
  CHECK(run(files + base + " --bisect").code == 0);
  CHECK(run(files + slow + " --speed 60 --first-token 300").code == 0);
  write(slow, "{");
  CHECK(run(files + slow).code == 1);
  CHECK(run(files + slow + " --bisect").code == 125);
  const std::string missing = "regress --baseline " + folder.path() + "/none.json";
  CHECK(run(missing).code == 0);
  CHECK(run(missing + " --strict").code == 5);
  check_usage_error("regress", "--baseline");

  const std::string tiny = QWENCH_SOURCE_DIR "/tests/data/text/qwen2-untied-f32";
  REQUIRE(run("bench -m " + tiny + " -p 4 -n 2 -t 1 --runs 3 --output " + base).code == 0);
  const Outcome again =
      run("regress --baseline " + base + " --speed 1000 --first-token 1000 --json");
  CHECK(again.code == 0);
  CHECK(parse_json(again.out, "stdout")["checked"] == 5);  // 2 phases, 2 metrics each, and TTFT
}

TEST_CASE("bench --config runs a result again, options beside it win, unknown keys are named") {
  if (!available()) return;
  const ScratchFolder folder;
  const std::string file = folder.path() + "/result.json";
  const std::string tiny = QWENCH_SOURCE_DIR "/tests/data/text/qwen2-untied-f32";
  REQUIRE(run("bench -m " + tiny + " -p 4 -n 2 -t 1 --runs 2 --seed 7 --output " + file).code == 0);
  const Outcome o = run("bench --config " + file + " -n 3 --json");
  REQUIRE(o.code == 0);
  const Json json = parse_json(o.out, "stdout");
  CHECK(json["config"]["seed"] == 7);
  CHECK(json["config"]["runs"] == 2);
  CHECK(json["config"]["prefill_tokens"] == Json::array({4}));
  CHECK(json["config"]["decode_tokens"] == Json::array({3}));
  write(file, R"({"config": {"rns": 3}})");
  const Outcome wrong = run("bench -m " + tiny + " --config " + file);
  CHECK(wrong.code == 1);
  CHECK(wrong.err.find("did you mean runs?") != std::string::npos);
}
