// `qwench regress`: what counts as worse, how sure that is, and the exit codes that CI reads.
#include "bench/regression/regression.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>

#include "engine/base/check.h"
#include "tests/bench/bench_result.h"
#include "tests/bench/program.h"
#include "tests/support/scratch.h"

using namespace qwench;
using namespace qwench::bench;
using namespace qwench::test;

namespace {

/// A result of `qwench bench` with one row.
Json result(const std::vector<double>& speeds, double ttft_ms, double gb, double peak = 100e9) {
  return bench_result({speeds, ttft_ms, gb, peak});
}

const std::vector<double> kBase = {99, 100, 101, 100, 100};

RegressionReport compare(const Json& baseline, const Json& current,
                         const std::vector<std::string>& across = {}) {
  return find_regressions({read_saved_result(baseline, "base.json"),
                           read_saved_result(current, "now.json"),
                           {},
                           across});
}

RegressionReport compare(const Json& current) { return compare(result(kBase, 10, 1), current); }

std::vector<double> scaled(double factor) {
  std::vector<double> values = kBase;
  for (double& v : values) v *= factor;
  return values;
}

/// The message of the Error that two results end in; "" where there is none.
std::string refusal(const Json& baseline, const Json& current) {
  try {
    compare(baseline, current);
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

bool says(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

}  // namespace

TEST_CASE("the same, and better, is no regression") {
  CHECK(compare(result(kBase, 10, 1)).verdict() == Change::kNone);
  CHECK(compare(result(scaled(1.5), 5, 0.5)).metrics.size() == 3);
  CHECK(compare(result(scaled(1.5), 5, 0.5)).verdict() == Change::kNone);
  CHECK(compare(result(scaled(0.97), 10.5, 1.1)).verdict() == Change::kNone);
}

TEST_CASE("each metric has its threshold, twice of it is critical") {
  const OrderedJson json = to_json(compare(result(scaled(0.92), 11.5, 1.4)));
  REQUIRE(json["regressions"].size() == 3);
  CHECK(json["verdict"] == "regressed");
  const auto& speed = json["regressions"][0];
  CHECK(speed["metric"] == "tokens_per_second");
  CHECK(speed["test_category"] == "prefill 64 tokens, batch 1, depth 0, 2 threads, bf16 weights");
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

TEST_CASE("an interval that holds the threshold is inconclusive, wherever its middle is") {
  for (const std::vector<double>& speeds : {std::vector<double>{80, 120, 90, 110, 85},
                                            {30, 100, 101, 100, 400},
                                            {97, 99, 94, 98, 94}}) {
    const RegressionReport report = compare(result(speeds, 10, 1));
    CHECK(!report.any(Change::kRegressed));
    CHECK(report.metrics[0].verdict == Change::kInconclusive);
    CHECK(report.verdict() == Change::kInconclusive);
    CHECK(says(report.metrics[0].reason, "more --runs"));
  }
}

TEST_CASE("runs too few for an interval are inconclusive, fast or slow") {
  for (const double factor : {0.5, 1.0, 2.0}) {
    const RegressionReport report = compare(result({100 * factor, 101 * factor}, 10, 1));
    CHECK(report.metrics[0].verdict == Change::kInconclusive);
    CHECK(says(report.metrics[0].reason, "fewer than 3 runs"));
    CHECK(report.metrics[2].verdict == Change::kNone);  // memory is the same in every run
  }
}

TEST_CASE("a slower machine is no proof of slower code, a faster one hides it") {
  const RegressionReport slower = compare(result(scaled(0.8), 12, 1, 80e9));
  CHECK(!slower.any(Change::kRegressed));
  CHECK(slower.any(Change::kInconclusive));
  CHECK(compare(result(kBase, 10, 1, 80e9)).verdict() == Change::kNone);  // as fast in spite of it
  const RegressionReport faster = compare(result(kBase, 10, 1, 150e9));
  CHECK(faster.verdict() == Change::kInconclusive);
  CHECK(says(faster.metrics[0].reason, "may be hidden"));
  Json fast = result(kBase, 10, 1), slow = result(scaled(0.6), 10, 1);
  fast["rows"][0]["read_bytes_per_second"] = 90e9, slow["rows"][0]["read_bytes_per_second"] = 89e9;
  CHECK(compare(fast, slow).any(Change::kRegressed));
  slow["rows"][0]["read_bytes_per_second"] = 55e9;
  CHECK(!compare(fast, slow).any(Change::kRegressed));
}

TEST_CASE("a slower machine excuses what it explains, and no more") {
  CHECK(compare(result(scaled(0.92), 10, 1, 93e9)).verdict() == Change::kInconclusive);
  CHECK(compare(result(scaled(0.10), 10, 1, 93e9)).verdict() == Change::kRegressed);
}

TEST_CASE("flagged runs are said, and what they explain is no regression") {
  const auto contaminated = [](Json document, int runs) {
    for (size_t i = 0; i < kBase.size(); ++i)
      document["rows"][0]["telemetry"].push_back(
          {{"contaminated", int(i) < runs ? Json{"1 major page fault"} : Json::array()}});
    return document;
  };
  const Json slow = result(scaled(0.6), 10, 1);
  const std::vector<double> scattering = {190, 200, 210, 290, 120};
  const RegressionReport unstable = compare(result(scattering, 10, 1), slow);
  CHECK(!unstable.any(Change::kRegressed));
  CHECK(says(unstable.metrics[0].reason, "the baseline: the runs scatter by"));
  CHECK(says(to_string(unstable), "note: the baseline, prefill 64 tokens"));
  const RegressionReport busy = compare(result(kBase, 10, 1), contaminated(slow, 3));
  CHECK(!busy.any(Change::kRegressed));
  CHECK(says(busy.metrics[0].reason, "now: 3 of 5 runs contaminated"));
  const RegressionReport hidden =
      compare(contaminated(result(kBase, 10, 1), 3), result(kBase, 10, 1));
  CHECK(hidden.verdict() == Change::kInconclusive);
  CHECK(says(hidden.metrics[0].reason, "may be hidden"));
  const RegressionReport one = compare(contaminated(result(kBase, 10, 1), 1), slow);
  CHECK(one.any(Change::kRegressed));  // the median of five is not made by one
  CHECK(says(to_string(one), "1 of 5 runs contaminated"));
}

TEST_CASE("a change is said as what it is, better or worse") {
  CHECK(says(to_string(compare(result(scaled(4.5), 10, 1))), "350.0 % better"));
  CHECK(says(to_string(compare(result(scaled(0.6), 10, 1))), "40.0 % worse"));
}

TEST_CASE("on another machine only memory is judged, unless that difference is meant") {
  Json other = result(scaled(0.8), 10, 2);
  other["environment"]["cpu"]["model"] = "y";
  const RegressionReport report = compare(other);
  REQUIRE(report.metrics.size() == 3);
  CHECK(report.metrics[0].verdict == Change::kInconclusive);
  CHECK(report.metrics[1].verdict == Change::kInconclusive);
  CHECK(report.metrics[2].verdict == Change::kRegressed);  // memory is the same everywhere
  CHECK(says(to_string(report), "another machine"));
  CHECK(compare(result(kBase, 10, 1), other, {"machine"}).metrics[0].verdict == Change::kRegressed);
}

TEST_CASE("results that differ in a condition are refused by its name, unless that is meant") {
  const Json base = result(kBase, 10, 1);
  for (const auto& [name, path, value] : unlike_conditions()) {
    const std::string field = name;
    INFO(field);
    Json other = base;
    other[Json::json_pointer(path)] = value;
    if (const std::string key = path.substr(path.rfind('/') + 1); base["rows"][0].contains(key))
      other["rows"][0][key] = value;
    const std::string said = refusal(base, other);
    CHECK(says(said, field + ": expected "));
    CHECK(says(said, "base.json"));
    CHECK(says(said, "now.json"));
    CHECK(says(said, "add --across " + field));
    const RegressionReport across = compare(base, other, {field});
    CHECK(across.verdict() == Change::kNone);
    CHECK(says(across.notes.front(), "across " + field));
  }
}

TEST_CASE("every condition is tried but the machine, which is no error") {
  std::vector<std::string> fields = condition_fields();
  for (const auto& unlike : unlike_conditions())
    fields.erase(std::remove(fields.begin(), fields.end(), unlike.field), fields.end());
  CHECK(fields == std::vector<std::string>{"machine"});
}

TEST_CASE("what could not be compared leaves the whole open, and is said") {
  Json two = result(kBase, 10, 1), stopped = two, no_first = two, tokens = two;
  two["rows"].push_back(two["rows"][0]), two["rows"][1]["n_tokens"] = 128;
  const RegressionReport missing = compare(two, result(kBase, 10, 1));
  CHECK(missing.verdict() == Change::kInconclusive);
  CHECK(says(missing.unknown.front(), "not measured now: prefill 128 tokens"));
  CHECK(compare(result(kBase, 10, 1), two).verdict() == Change::kNone);  // more than was asked
  stopped["interrupted"] = true;
  CHECK(says(compare(stopped).unknown.front(), "now.json was interrupted"));
  no_first["rows"][0].erase("ttft_ns_values");
  CHECK(says(compare(no_first).unknown.front(), "first_token_latency_ms is only in base.json"));
  tokens["rows"][0]["output_hash"] = "1";
  CHECK(compare(tokens).verdict() == Change::kNone);
  CHECK(says(compare(tokens).notes.front(), "computes other tokens"));
  Json nothing = result(kBase, 10, 1);
  nothing["rows"] = Json::array();
  CHECK(compare(nothing, nothing).verdict() == Change::kInconclusive);
}

TEST_CASE("a document of another schema, or none at all, is refused by its own name") {
  const Json good = result(kBase, 10, 1);
  Json old = good;
  old["schema_version"] = 99;
  CHECK(says(refusal(old, good), "base.json: schema_version"));
  CHECK(says(refusal(good, old), "now.json: schema_version"));
  CHECK(says(refusal(good, Json::array()), "now.json: expected a result of `qwench bench`"));
  Json broken = good;
  broken["command"] = "compare";
  CHECK(says(refusal(good, broken), "got one of `qwench compare`"));
  for (const char* key : {"tokens_per_second", "memory", "phase", "n_tokens"}) {
    broken = good;
    broken["rows"][0][key] = Json::array();
    CHECK(says(refusal(good, broken), "now.json: rows[0]"));
    CHECK(!says(refusal(good, broken), "json.exception"));
  }
  for (const char* key : {"config", "environment", "rows"}) {
    broken = good;
    broken[key] = "text";
    CHECK(says(refusal(good, broken), std::string("now.json: ") + key));
  }
  broken = good;
  broken["rows"].push_back(broken["rows"][0]);
  CHECK(says(refusal(good, broken), "every case once"));
  broken = good;
  broken["rows"][0]["dtype"] = "q8_0";
  CHECK(says(refusal(good, broken), "expected 'bf16' as in the document's config"));
}

TEST_CASE("speeds, times and sizes that cannot be are no measurement") {
  const Json good = result(kBase, 10, 1);
  for (const Json& wrong : {Json(0), Json(-5), Json(nullptr), Json("fast"), Json(-0.0)}) {
    Json broken = good;
    broken["rows"][0]["tokens_per_second"]["values"][1] = wrong;
    CHECK(says(refusal(good, broken), "tokens_per_second.values: expected numbers above 0"));
    broken = good;
    broken["rows"][0]["ttft_ns_values"][1] = wrong;
    CHECK(says(refusal(broken, good), "base.json: rows[0]: ttft_ns_values"));
  }
  Json broken = good;
  broken["rows"][0]["memory"]["weights"]["peak"] = 0;
  CHECK(says(refusal(good, broken), "memory: expected peaks above 0"));
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
  write(slow, result({30, 100, 101, 100, 400}, 10, 1).dump());
  const Outcome unsure = run(files + slow);
  CHECK(unsure.code == 0);
  CHECK(says(unsure.out, "INCONCLUSIVE: 1 of 3 metrics"));
  CHECK(run(files + slow + " --strict").code == 5);
  CHECK(run(files + slow + " --bisect").code == 125);
  write(slow, "{");
  const Outcome damaged = run(files + slow);
  CHECK(damaged.code == 1);
  CHECK(says(damaged.err, slow));
  CHECK(!says(damaged.err, base));
  CHECK(run(files + slow + " --bisect").code == 125);
  check_usage_error("regress", "--baseline");
  check_usage_error(files + base + " --across dtpye", "--across");
  check_usage_error(files + base + " -t 2", "--current");  // nothing is measured with it
}

TEST_CASE("a baseline that is not there is an error, or with --allow-missing left open") {
  if (!available()) return;
  const ScratchFolder folder;
  const std::string missing = "regress --baseline " + folder.path() + "/none.json";
  const Outcome o = run(missing);
  CHECK(o.code == 1);
  CHECK(says(o.err, folder.path() + "/none.json"));
  CHECK(run(missing + " --allow-missing").code == 0);
  CHECK(run(missing + " --allow-missing --strict").code == 5);
  CHECK(run(missing + " --allow-missing --bisect").code == 125);
}

TEST_CASE("a baseline is measured again with its own options, and refused before where it cannot") {
  if (!available()) return;
  const ScratchFolder folder;
  const std::string base = folder.path() + "/base.json";
  const std::string tiny = QWENCH_SOURCE_DIR "/tests/data/text/qwen2-untied-f32";
  REQUIRE(run("bench -m " + tiny + " -p 4 -n 2 -t 1 --runs 3 --output " + base).code == 0);
  const std::string again =
      "regress --baseline " + base + " --speed 1000 --first-token 1000 --json";
  const Outcome o = run(again);
  CHECK(o.code == 0);
  CHECK(parse_json(o.out, "stdout")["checked"] == 5);  // 2 phases, 2 metrics each, and TTFT
  Json other = parse_json_file(base);
  other["environment"]["tool"]["build_type"] = "Slow";
  write(base, other.dump());
  const Outcome refused = run(again);
  CHECK(refused.code == 1);
  CHECK(says(refused.err, "; build: expected Slow"));
  CHECK(!says(refused.err, "tokens/s"));  // nothing was measured for it
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

TEST_CASE("the key device of a --config file is backend, and not both of them") {
  if (!available()) return;
  const ScratchFolder folder;
  const std::string tiny = QWENCH_SOURCE_DIR "/tests/data/text/qwen2-untied-f32";
  const auto bench = [&](const std::string& config) {
    const std::string file = folder.write("config.json", config);
    return run("bench -m " + tiny + " -p 2 -n 0 -t 1 --runs 1 --json --config " + file);
  };
  const Outcome known = bench(R"({"device": "auto"})");
  REQUIRE_MESSAGE(known.code == 0, known.err);
  CHECK(parse_json(known.out, "stdout")["config"]["backend"] == "cpu");
  const Outcome unknown = bench(R"({"device": "tpu"})");
  CHECK(unknown.code == 2);
  CHECK(unknown.err.find("expected cpu, cuda, metal or auto, got 'tpu'") != std::string::npos);
  const Outcome both = bench(R"({"device": "cpu", "backend": "cpu"})");
  CHECK(both.code == 1);
  CHECK(both.err.find("one of backend and device") != std::string::npos);
}
