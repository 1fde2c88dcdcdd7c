// The suites: what the registry promises, that each of them runs and says something finite, and what the
// command does with names, folders and torn files.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "bench/suites/journal.h"
#include "bench/suites/prompts.h"
#include "bench/suites/registry.h"
#include "bench/suites/report.h"
#include "bench/suites/result.h"
#include "bench/suites/suites_command.h"
#include "bench/suites/target_table.h"
#include "engine/base/file.h"
#include "tests/bench/program.h"

using namespace qwench::bench;
using namespace qwench::test;
using Judged = qwench::bench::Outcome;
using Ran = qwench::test::Outcome;
using qwench::Error;
using qwench::Json;
using qwench::OrderedJson;

namespace {

const std::string kShipped = QWENCH_SOURCE_DIR "/models/qwench-tiny";
const std::string kNoTokenizer = QWENCH_SOURCE_DIR "/tests/data/text/qwen2-untied-f32";

SuiteOptions smallest(const std::string& model) {
  SuiteOptions o;
  o.model.model = model;
  o.quick = true, o.runs = 1, o.warmup = 0, o.max_tokens = 2;
  o.batches = {1, 2}, o.seconds = 0.01;
  return o;
}

void check_finite(const SuiteResult& result) {
  CHECK(!result.figures.empty());
  CHECK(!result.interrupted);
  for (const Figure& figure : result.figures) {
    INFO(figure.name);
    CHECK(figure.summary.has_value() != !figure.missing.empty());
    if (!figure.summary) continue;
    for (const double value : figure.summary->values) CHECK(std::isfinite(value));
  }
  for (const Criterion& criterion : result.criteria) {
    INFO(criterion.name);
    CHECK(!criterion.expected.empty());
    const bool judged = criterion.outcome == Judged::kPass || criterion.outcome == Judged::kFail;
    if (judged) CHECK(criterion.value.has_value());
    if (!judged && criterion.outcome != Judged::kUnreachable) CHECK(!criterion.note.empty());
  }
}

OrderedJson finished(const std::string& suite) {
  return {{"suite", suite},
          {"types", {"system"}},
          {"method", "m"},
          {"seconds", 1.5},
          {"figures", OrderedJson::array({{{"name", "f"}, {"unit", "s"}, {"summary", nullptr}}})},
          {"criteria", OrderedJson::array()},
          {"details", OrderedJson::object()},
          {"interrupted", false},
          {"error", nullptr}};
}

}  // namespace

TEST_CASE("every suite has a name of its own, known types and a method") {
  std::set<std::string_view> names;
  std::vector<std::string> types = benchmark_types();
  types.emplace_back("scenario");
  for (const Suite& suite : suites()) {
    INFO(suite.name);
    CHECK(names.insert(suite.name).second);
    CHECK(suite.name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789") ==
          std::string_view::npos);
    CHECK(!suite.description.empty());
    CHECK(suite.method.size() > 40);
    CHECK(suite.method.back() == '.');
    CHECK(suite.has_type("all"));
    CHECK((suite.run != nullptr));
    const OrderedJson json = suite_json(suite, {}, 0);
    for (const OrderedJson& type : json.at("types"))
      CHECK(std::find(types.begin(), types.end(), type.get<std::string>()) != types.end());
  }
  for (const std::string& type : benchmark_types()) {
    SuitesOptions options;
    options.type = type;
    if (type != "specific") CHECK(!select_suites(options).empty());
  }
}

TEST_CASE("a unit stands beside values only where they do not say it themselves") {
  OrderedJson suite = finished("latency");
  const auto figure = [](const char* name, const char* unit, double value) {
    return OrderedJson{{"name", name}, {"unit", unit}, {"summary", to_json(summarize({value}))}};
  };
  suite["figures"] = {figure("latency", "ns", 10.42e6), figure("speedup", "ratio", 2)};
  const std::string text =
      suites_text(suites_document(OrderedJson::object(), OrderedJson::array({suite}), false));
  INFO(text);
  CHECK(text.find("10.42 ms") != std::string::npos);
  CHECK(text.find("latency  ns") == std::string::npos);
  CHECK(text.find("speedup  ratio") != std::string::npos);
}

TEST_CASE("every suite runs on the model that ships and gives finite figures") {
  const SuiteOptions options = smallest(kShipped);
  SuiteContext context(options);
  for (const Suite& suite : suites()) {
    INFO(suite.name);
    const SuiteResult result = suite.run(context);
    check_finite(result);
    const OrderedJson json = suite_json(suite, result, 1);
    CHECK_NOTHROW(check_suite_json(Json(json), "test"));
    if (suite.cost) CHECK(suite.cost(options, context.checkpoint().config()).capacity > 0);
  }
}

TEST_CASE("a model without a tokenizer gets ids of the stated length, and the details say so") {
  const SuiteOptions options = smallest(kNoTokenizer);
  SuiteContext context(options);
  const std::vector<int32_t> ids = prompt_ids(context, "twelve bytes", 5);
  CHECK(ids.size() == 15);
  CHECK(ids == prompt_ids(context, "twelve bytes", 5));
  CHECK(ids != prompt_ids(context, "other  bytes", 5));
  for (const char* name : {"throughput", "accuracy", "quality"}) {
    INFO(name);
    check_finite(find_suite(name)->run(context));
  }
  const SuiteResult result = find_suite("latency")->run(context);
  CHECK(result.details["prompts"].get<std::string>().find("random ids") != std::string::npos);
}

TEST_CASE(
    "a criterion compares by its bound; without a value it is unknown, with a NaN it failed") {
  const auto outcome = [](Bound bound, std::optional<double> value) {
    return judge({"c", bound, 2, "", value}).outcome;
  };
  CHECK(outcome(Bound::kBelow, 2) == Judged::kFail);
  CHECK(outcome(Bound::kAtMost, 2) == Judged::kPass);
  CHECK(outcome(Bound::kAbove, 2) == Judged::kFail);
  CHECK(outcome(Bound::kAtLeast, 2) == Judged::kPass);
  CHECK(outcome(Bound::kAtMost, std::nullopt) == Judged::kUnknown);
  CHECK(outcome(Bound::kAtMost, NAN) == Judged::kFail);
  CHECK(outcome(Bound::kAtLeast, NAN) == Judged::kFail);
  CHECK(outcome(Bound::kAtLeast, INFINITY) == Judged::kFail);
  CHECK(judge({"c", Bound::kAtMost, 2, "", std::nullopt}).note == "not measured");
  CHECK(judge({"c", Bound::kBelow, 10, "10 s", 1}).expected == "< 10 s");
  CHECK(!measured("f", "s", {1, NAN}).summary);
  CHECK(!measured("f", "s", {}).summary);
}

TEST_CASE("ceilings are bandwidth over bytes, or arithmetic where that is less") {
  const ModelCeilings laptop{42.7e9, 0, 1.72e9 * 4.5 / 8, 2 * 1.72e9};
  CHECK(laptop.tokens_per_second(1) == doctest::Approx(44).epsilon(0.01));
  CHECK(laptop.tokens_per_second(4) == doctest::Approx(176).epsilon(0.01));
  const ModelCeilings slow_arithmetic{42.7e9, 3.44e9 * 50, 1.72e9 * 4.5 / 8, 3.44e9};
  CHECK(slow_arithmetic.tokens_per_second(4) == doctest::Approx(50));
  CHECK(slow_arithmetic.first_token_ns(100) == doctest::Approx(2e9));
  CHECK(nearest_target(1.2e6, 16).name == "1.7B 8-bit");
  CHECK(nearest_target(7.6e9, 4.5).name == "7B 4-bit");
  CHECK(nearest_target(14.8e9, 16).name == "14B 16-bit");
}

TEST_CASE("a journal gives back what is finished, drops a torn last line and refuses another") {
  const ScratchFolder folder;
  const std::string path = folder.file("suites.jsonl");
  {
    Journal journal(path, "aaaa", false);
    journal.append(finished("one"));
    journal.append(finished("two"));
  }
  const std::string whole = qwench::read_file(path, 1 << 20);
  Journal again(path, "aaaa", true);
  REQUIRE(again.find("two"));
  CHECK(*again.find("two") == finished("two"));
  CHECK(!Journal(path, "bbbb", true).find("two"));

  folder.write("suites.jsonl", whole.substr(0, whole.size() - 20));
  Journal torn(path, "aaaa", true);
  CHECK(torn.find("one"));
  CHECK(!torn.find("two"));
  torn.append(finished("two"));
  CHECK(qwench::read_file(path, 1 << 20) == whole);

  folder.write("suites.jsonl", "{\"half\":\n" + whole);
  CHECK_THROWS_WITH_AS(Journal(path, "aaaa", true), doctest::Contains(":1"), Error);
  folder.write("suites.jsonl", "{\"config_hash\":\"aaaa\",\"result\":{\"suite\":3}}\n" + whole);
  CHECK_THROWS_AS(Journal(path, "aaaa", true), Error);
  CHECK(Journal(path, "aaaa", false).find("one") == nullptr);
  CHECK(qwench::read_file(path, 1 << 20).empty());
}

TEST_CASE("wrong names and options of suites exit with 2 and say what would be right") {
  if (!available()) return;
  check_usage_error("bench --benchmark-type memroy", "did you mean memory?");
  check_usage_error("bench --specific-tests throughptu", "did you mean throughput?");
  check_usage_error("bench --benchmark-type specific", "--specific-tests");
  check_usage_error("bench --benchmark-type system --metric speed", "one of them");
  check_usage_error("bench --quick -p 32", "no meaning for suites");
  check_usage_error("bench --quick -t 1,2", "-t");
  check_usage_error("bench --quick --resume -m " + kShipped, "--resume");
  check_usage_error("bench --quick -m " + kShipped + " --kernel linear=nonsense", "nonsense");
  check_usage_error("bench --quick --device cpu --backend cpu", "--backend");
  check_usage_error("bench --quick -m " + kShipped + " --device mps", "--backend metal");
  check_usage_error("list benchmrks", "benchmrks");
  check_usage_error("describe latensy", "did you mean latency?");
}

TEST_CASE("the guides' names of options work for the sweep too") {
  if (!available()) return;
  const ScratchFolder folder;
  const Ran ran = run("bench -m " + kNoTokenizer +
                      " -p 4 --max-new-tokens 2 --batch-size 2 --device cpu --runs 1 --no-warmup "
                      "--json --output-file " +
                      folder.file("result.json"));
  REQUIRE_MESSAGE(ran.code == 0, ran.err);
  CHECK(qwench::parse_json_file(folder.file("result.json"))["config"]["batch"][0] == 2);
  CHECK(qwench::parse_json(ran.out, "stdout")["config"]["decode_tokens"][0] == 2);
}

TEST_CASE("list and describe name every suite, and a plan runs none") {
  if (!available()) return;
  const std::string listed = run("list").out,
                    planned = run("bench --benchmark-type all --quick --plan -m " + kShipped).out;
  for (const Suite& suite : suites()) {
    INFO(suite.name);
    CHECK(listed.find(suite.name) != std::string::npos);
    CHECK(planned.find(suite.name) != std::string::npos);
  }
  CHECK(run("describe throughput").out.find("method: ") != std::string::npos);
  CHECK(run("describe memory").out.find("memory_stress") != std::string::npos);
  CHECK(run("list metrics").out.find("first_token_latency") != std::string::npos);
  CHECK(run("list devices").out.find("cpu") != std::string::npos);
  CHECK(run("list scenarios").out.find("code_generation") != std::string::npos);
  CHECK(planned.find("tokens/s") == std::string::npos);
}

TEST_CASE("an output folder holds the guides' files, and --resume runs what a torn journal lacks") {
  if (!available()) return;
  const ScratchFolder folder;
  const std::string command = "bench --specific-tests model_capacity latency --quick --json -m " +
                              kShipped + " --output " + folder.file("out");
  const Ran first = run(command);
  REQUIRE_MESSAGE(first.code == 0, first.err);
  const Json json = qwench::parse_json(first.out, "stdout");
  CHECK(json["command"] == "suites");
  CHECK(json["schema_version"] == 1);
  CHECK(json["suites"].size() == 2);
  CHECK(json["suites"][1]["figures"][0]["summary"]["n"] == 3);
  CHECK(json["config"]["quick"] == true);
  CHECK(json["environment"].contains("cpu"));
  CHECK(json["validation"]["errors"] == 0);
  CHECK(json["validation"]["not_applicable"] == 0);
  for (const char* name : {"all_benchmark_results.json", "system_benchmark_results.json",
                           "benchmark_results.json", "benchmark_summary.csv", "suites.jsonl"})
    CHECK(std::filesystem::exists(folder.file("out/" + std::string(name))));
  const std::string csv = qwench::read_file(folder.file("out/benchmark_summary.csv"), 1 << 16);
  CHECK(std::count(csv.begin(), csv.end(), '\n') == 8);
  CHECK(csv.find("Throughput (tokens/s),\n") != std::string::npos);  // not run: empty, not 0

  const std::string journal = qwench::read_file(folder.file("out/suites.jsonl"), 1 << 20);
  folder.write("out/suites.jsonl", journal.substr(0, journal.size() - 3));
  const Ran second = run(command + " --resume");
  REQUIRE_MESSAGE(second.code == 0, second.err);
  CHECK(second.err.find("torn") != std::string::npos);
  CHECK(second.err.find("model_capacity: finished before") != std::string::npos);
  CHECK(qwench::parse_json(second.out, "stdout")["suites"].size() == 2);
}
