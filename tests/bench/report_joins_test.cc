// Which figures of several files stand in one row, and what no other figure can take away.
#include <doctest/doctest.h>

#include "bench/report/writers.h"
#include "engine/base/check.h"
#include "tests/bench/report_results.h"

using namespace qwench;
using namespace qwench::bench::report;
using qwench::test::accuracy_result;
using qwench::test::bench_result;
using qwench::test::candidate_of;
using qwench::test::report_of;

namespace {

const std::vector<double> kRuns = {98, 99, 100, 101, 102};
constexpr size_t kDecode = 1, kKl = 6, kPpl = 7, kFront = 8, kFit = 9, kWhy = 10, kApart = 11;

/// The row of the choices table whose name contains `name`, as it is shown; empty where there is none.
std::vector<std::string> choice(const Report& report, const std::string& name) {
  const Section* section = report.find("choices");
  REQUIRE(section);
  for (const std::vector<Cell>& row : section->rows)
    if (display(row[0]).find(name) != std::string::npos) {
      std::vector<std::string> cells;
      for (const Cell& cell : row) cells.push_back(display(cell));
      return cells;
    }
  return {};
}

size_t n_choices(const Report& report) { return report.find("choices")->rows.size(); }

/// Why a figure is missing.
std::string reason(const Report& report, size_t row, size_t column) {
  return std::get<Missing>(report.find("choices")->rows.at(row).at(column)).reason;
}

/// A result of `accuracy` of a healthy and a damaged configuration of one model.
OrderedJson healthy_and_damaged() {
  OrderedJson result = accuracy_result();
  result["candidates"].push_back(candidate_of("healthy", "model-m", 0.001, true));
  OrderedJson damaged = candidate_of("damaged", "model-m", 0.5, false);
  damaged["injection"] = test::damage();
  result["candidates"].push_back(damaged), result["pass"] = false;
  return result;
}

}  // namespace

TEST_CASE(
    "a damaged candidate's failure does not fall on the healthy configuration, nor is it lost") {
  for (const bool timed_first : {true, false}) {
    std::vector<OrderedJson> results = {bench_result("model-m", kRuns), healthy_and_damaged()};
    if (!timed_first) std::swap(results[0], results[1]);
    const Report report = report_of(results);
    const std::vector<std::string> healthy = choice(report, "healthy"),
                                   damaged = choice(report, "damaged");
    REQUIRE(!healthy.empty());
    REQUIRE(!damaged.empty());
    CHECK(healthy[kDecode] == "100");
    CHECK(healthy[kKl] == "0.001");
    CHECK(healthy[kFront] == "yes");
    CHECK(healthy[kFit] == "no limits");
    CHECK(damaged[kDecode] == "-");
    CHECK(damaged[kKl] == "0.5");
    CHECK(damaged[kFront] == "failed");
    CHECK(damaged[kFit] == "fail");
    CHECK(damaged[kWhy].find("kl_mean") != std::string::npos);
    CHECK(damaged[kApart].find("damage: noise 0.2 in layer 1 here, no damage there") !=
          std::string::npos);
    REQUIRE(report.failures.size() == 1);
    CHECK(report.failures[0].find("Tolerances: damaged, kl_mean") == 0);
  }
}

TEST_CASE("quality joins a speed only where everything that can change it is known to be equal") {
  struct Difference {
    const char* trait;
    std::function<void(OrderedJson& accuracy, OrderedJson& candidate)> plant;
  };
  const std::vector<Difference> differences = {
      {"weights", [](OrderedJson&, OrderedJson& c) { c["checkpoint_hash"] = "1"; }},
      {"weights", [](OrderedJson&, OrderedJson& c) { c.erase("checkpoint_hash"); }},
      {"weight type", [](OrderedJson&, OrderedJson& c) { c["dtype"] = "q8_0"; }},
      {"keys and values", [](OrderedJson&, OrderedJson& c) { c["kv_dtype"] = "f16"; }},
      {"backend", [](OrderedJson&, OrderedJson& c) { c["backend"] = "cuda"; }},
      {"kernels", [](OrderedJson&, OrderedJson& c) { c["kernel_policy"] = "linear=eigen"; }},
      {"plug-ins", [](OrderedJson&, OrderedJson& c) { c["plugin_hashes"] = {"abc"}; }},
      {"plug-ins", [](OrderedJson&, OrderedJson& c) { c.erase("plugin_hashes"); }},
      {"damage", [](OrderedJson&, OrderedJson& c) { c["injection"] = test::damage(); }},
      {"damage", [](OrderedJson&, OrderedJson& c) { c.erase("injection"); }},
      {"instruction sets",
       [](OrderedJson& a, OrderedJson&) { a["environment"]["cpu"]["isa"] = "avx2 avx512"; }},
      {"program",
       [](OrderedJson& a, OrderedJson&) { a["environment"]["tool"]["program_hash"] = "2"; }},
      {"program", [](OrderedJson& a, OrderedJson&) { a.erase("environment"); }},
  };
  const auto both = [](const OrderedJson& accuracy) {
    return report_of({bench_result("model-m", kRuns), accuracy});
  };
  OrderedJson same = accuracy_result("model-m", 0.25, true);
  CHECK(choice(both(same), "candidate")[kDecode] == "100");
  CHECK(choice(both(same), "candidate")[kKl] == "0.25");
  for (const Difference& difference : differences) {
    OrderedJson accuracy = same;
    difference.plant(accuracy, accuracy["candidates"][0]);
    const Report report = both(accuracy);
    INFO(difference.trait);
    CHECK(n_choices(report) == 3);  // the reference, too
    const std::vector<std::string> timed = choice(report, "model-m q4_0"),
                                   judged = choice(report, "candidate");
    CHECK(timed[kDecode] == "100");
    CHECK(timed[kKl] == "-");
    CHECK(judged[kDecode] == "-");
    CHECK(judged[kKl] == "0.25");
    const bool other_type = std::string(difference.trait) == "weight type" ||
                            std::string(difference.trait) == "keys and values" ||
                            std::string(difference.trait) == "kernels";
    // Of another type nobody expects the figure; all else is said.
    if (!other_type) CHECK(timed[kApart].find(difference.trait) != std::string::npos);
  }
}

TEST_CASE("a failed verdict stays, whichever file comes last") {
  const OrderedJson bad = accuracy_result("model-m", 0.5, false),
                    good = accuracy_result("model-m", 0.001, true);
  for (const auto& order : {std::vector{bad, good}, {good, bad}}) {
    const Report report = report_of({bench_result("model-m", kRuns), order[0], order[1]});
    const std::vector<std::string> row = choice(report, "candidate");
    CHECK(row[kFit] == "fail");
    CHECK(row[kFront] == "failed");
    CHECK(report.failures.size() == 1);
  }
}

TEST_CASE("golden folders, gradients and suites that fail are said of their configuration") {
  OrderedJson golden = accuracy_result("model-m", 0.001, true);
  golden["golden"] = OrderedJson::array();
  golden["golden"].push_back({{"folder", "g"},
                              {"configuration", "candidate"},
                              {"n_tokens", 3},
                              {"logits", {{"relative", 0.3}}},
                              {"mean_kl", 0.2},
                              {"passed", false}});
  golden["pass"] = false;
  CHECK(choice(report_of({bench_result("model-m", kRuns), golden}), "candidate")[kFit] == "fail");
  OrderedJson gradients = accuracy_result("model-m", 0.001, true);
  gradients["gradients"] = {{"finite_differences", {{"error", 1e-4}, {"pass", true}}},
                            {"recompute", {{"equal", true}}},
                            {"rows", OrderedJson::array()}};
  gradients["gradients"]["rows"].push_back({{"candidate", "candidate"},
                                            {"tensor", "x"},
                                            {"cosine", 0.1},
                                            {"relative_l2", 2.0},
                                            {"pass", false}});
  gradients["pass"] = false;
  CHECK(choice(report_of({bench_result("model-m", kRuns), gradients}), "candidate")[kFit] ==
        "fail");
  OrderedJson suites = test::suites_result();
  suites["environment"] = test::environment_of_tests();
  suites["config"] = test::described("", "model-m");
  suites["config"].erase("injection");
  suites["suites"][0]["types"] = {"accuracy"};
  suites["suites"][0]["criteria"][0]["outcome"] = "fail";
  CHECK(choice(report_of({bench_result("model-m", kRuns), suites}), "model-m q4_0")[kFit] ==
        "fail");
}

TEST_CASE("a file that failed as a whole is a failure, whatever its parts say") {
  OrderedJson result = accuracy_result("model-m", 0.001, true);
  result["pass"] = false;
  CHECK(report_of({result}).failures.size() == 1);
  OrderedJson parts = accuracy_result("model-m", 0.001, true);
  parts["candidates"][0]["pass"] = false, parts["pass"] = false;
  CHECK(report_of({parts}).failures.size() == 1);
}

TEST_CASE("divergences over different texts or against different references are not compared") {
  OrderedJson other = accuracy_result();
  other["candidates"].push_back(candidate_of("candidate", "model-n", 0.3, true));
  other["text"]["ids_hash"] = "00000000000000bb";
  const std::vector<OrderedJson> results = {bench_result("model-m", kRuns),
                                            bench_result("model-n", kRuns),
                                            accuracy_result("model-m", 0.1, true), other};
  const Report report = report_of(results);
  CHECK(choice(report, "candidate (model-m q4_0)")[kKl] == "0.1");
  CHECK(choice(report, "candidate (model-n q4_0)")[kKl] == "-");
  CHECK(choice(report, "candidate (model-n q4_0)")[kPpl] == "-");
  CHECK(reason(report, 1, kKl).find("measured over something else: heldout.txt") == 0);
  // A limit on it holds over whatever it was measured over.
  CHECK(choice(report_of(results, {"kl=0.2"}), "candidate (model-n q4_0)")[kFit] == "fail");
  // Against another reference the perplexity is still one of the same text.
  other["text"]["ids_hash"] = "00000000000000aa";
  other["reference"]["dtype"] = "f32";
  const Report same_text = report_of(
      {bench_result("model-m", kRuns), bench_result("model-n", kRuns), results[2], other});
  CHECK(choice(same_text, "candidate (model-n q4_0)")[kKl] == "-");
  CHECK(choice(same_text, "candidate (model-n q4_0)")[kPpl] == "5.5");
}

TEST_CASE("what is said of outputs holds for every number of threads, a speed for one") {
  OrderedJson one = bench_result("model-m", kRuns);
  for (OrderedJson& row : one["rows"]) row["threads"] = 1;
  const Report report = report_of({one, bench_result("model-m", {198, 199, 200, 201, 202}),
                                   accuracy_result("model-m", 0.1, true)});
  CHECK(choice(report, "(1 thread;")[kDecode] == "100");
  CHECK(choice(report, "(2 threads;")[kDecode] == "200");
  CHECK(choice(report, "(1 thread;")[kKl] == "0.1");
  CHECK(choice(report, "(2 threads;")[kKl] == "0.1");
}

TEST_CASE("speeds of different cases do not stand beside each other") {
  OrderedJson longer = bench_result("model-n", kRuns);
  longer["rows"][1]["n_tokens"] = 64;
  const Report report =
      report_of({bench_result("model-m", kRuns), bench_result("model-k", kRuns), longer});
  CHECK(choice(report, "model-n q4_0")[kDecode] == "-");
  CHECK(choice(report, "model-n q4_0")[kFront] == "timed in another case");
  CHECK(reason(report, 2, kDecode) == "timed in another case only: decode 64 tokens");
}

TEST_CASE("scores of a task stand beside the text comparison of their own file") {
  const auto with_score = [](double rouge) {
    OrderedJson result = accuracy_result("model-m", 0.1, true);
    OrderedJson score = {{"name", "candidate"}, {"n", 2}, {"corpus_bleu", rouge}};
    score["rougeL"] = {{"f1", rouge}};
    OrderedJson task = {{"task", "prompts"}};
    task["results"] = OrderedJson::array({score});
    result["tasks"] = OrderedJson::array({task});
    return result;
  };
  OrderedJson second = with_score(0.9);
  second["candidates"][0]["injection"] = test::damage();
  const Report report = report_of({with_score(0.4), second});
  const Section& quality = *report.find("quality");
  REQUIRE(quality.rows.size() == 4);
  CHECK(display(quality.rows[1][5]) == "0.4");
  CHECK(display(quality.rows[3][5]) == "0.9");
}

TEST_CASE(
    "a file with one configuration of several that took turns does not make it the reference") {
  OrderedJson one = test::compare_result("better", 2);
  one["configurations"].erase(0);
  const Report report = report_of({one});
  CHECK(display(report.find("quality")->rows.at(0)[7]) == "not judged");
}

TEST_CASE("two configurations of one name in one file are refused") {
  OrderedJson result = accuracy_result("model-m", 0.1, true);
  result["candidates"].push_back(candidate_of("candidate", "model-m", 0.2, false));
  CHECK_THROWS_AS(report_of({result}), Error);
}

TEST_CASE("suites that one run wrote to several files are counted once") {
  OrderedJson part = test::suites_result();
  part["environment"] = {{"started", "another moment"}};
  const Report report = report_of({test::suites_result(), part});
  CHECK(report.find("criteria")->rows.size() == 2);
  CHECK(report.find("sources")->notes.at(0).find("counted once") != std::string::npos);
}
