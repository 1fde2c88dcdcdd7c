// Results of separate runs in one report: whose names stand, and what is ranked.
#include <doctest/doctest.h>

#include <algorithm>

#include "bench/report/writers.h"
#include "tests/bench/report_results.h"

using namespace qwench;
using namespace qwench::bench::report;
using qwench::test::accuracy_result;
using qwench::test::bench_result;
using qwench::test::compare_result;
using qwench::test::report_of;

namespace {

const std::vector<double> kSlow = {98, 99, 100, 101, 102}, kFast = {198, 199, 200, 201, 202};

std::vector<std::string> column(const Report& report, const char* section, size_t c) {
  std::vector<std::string> cells;
  for (const std::vector<Cell>& row : report.find(section)->rows) cells.push_back(display(row[c]));
  return cells;
}

bool says(const std::vector<std::string>& list, const std::string& text) {
  return std::any_of(list.begin(), list.end(),
                     [&](const std::string& s) { return s.find(text) != std::string::npos; });
}

/// Two results of `compare` that share their first configuration, each with its own name for it.
std::vector<OrderedJson> two_comparisons(double speed_of_second) {
  OrderedJson first = compare_result("worse", 0.5), second = compare_result("worse", 0.5);
  first["configurations"][0]["name"] = "base", first["pairs"][0]["a"] = "base";
  first["configurations"][1]["name"] = "own", first["pairs"][0]["b"] = "own";
  second["configurations"][1]["checkpoint_hash"] = "another";
  for (OrderedJson& c : second["configurations"])
    for (const char* key : {"median", "mean", "min", "max"}) {
      OrderedJson& speed = c["decode_tokens_per_second"];
      speed[key] = speed[key].get<double>() * speed_of_second;
    }
  for (OrderedJson& c : second["configurations"])
    for (OrderedJson& end : c["decode_tokens_per_second"]["ci95"])
      end = end.get<double>() * speed_of_second;
  return {first, second};
}

}  // namespace

TEST_CASE("every file keeps the names that it gives, also of a configuration that others name") {
  const Report report = report_of(two_comparisons(1));
  CHECK(column(report, "speed", 0) == std::vector<std::string>{"base", "own", "a", "b"});
  CHECK(column(report, "choices", 0) == std::vector<std::string>{"base (a)", "own", "b"});
  CHECK(display(report.find("pairs")->rows[0][0]) == "base");
  const Report timed = report_of({bench_result("m", kSlow), accuracy_result("m", 0.1, true)});
  CHECK(column(timed, "speed", 0)[0] == "m q4_0");
  CHECK(says(column(timed, "quality", 0), "candidate"));
  CHECK(says(column(timed, "choices", 0), "candidate (m q4_0)"));
}

TEST_CASE("a configuration that differs from itself in two runs is said, and is no contest") {
  const Report report = report_of(two_comparisons(2));
  const std::vector<std::string> modes = column(report, "throughput", 1),
                                 verdicts = column(report, "throughput", 5);
  REQUIRE(modes.size() == 4);
  CHECK(modes[0] == "a");
  CHECK(verdicts[0] == "fastest");
  CHECK(modes[1] == "base");
  CHECK(verdicts[1] == "same configuration");
  CHECK(says(report.find("throughput")->notes,
             "base (a) is the same configuration in two runs, 100 tokens/s in 0.json and 200 "
             "tokens/s in 1.json, 100 % apart: the machine changed"));
  CHECK(says(report_of(two_comparisons(1)).find("throughput")->notes, "from several files"));
  CHECK_FALSE(says(report_of(two_comparisons(1)).find("throughput")->notes, "% apart"));
  CHECK_FALSE(says(report_of({two_comparisons(1)[0]}).find("throughput")->notes, "several files"));
}

TEST_CASE("a whole run counts before a later one that was interrupted") {
  std::vector<OrderedJson> results = two_comparisons(2);
  results[1]["interrupted"] = true;
  const Report report = report_of(results);
  CHECK(display(report.find("choices")->rows[0][1]) == "100");
  CHECK(column(report, "throughput", 5) ==
        std::vector<std::string>{"interrupted", "fastest", "interrupted", "slower"});
  CHECK(says(report.advice,
             "Fastest Mode: base (a) (decode 8 tokens in turns, median 100 tokens/s)"));
  CHECK(says(report.advice, "b not ranked: the run was interrupted"));
  const Report alone = report_of({results[1]});
  CHECK(says(alone.advice,
             "Fastest Mode: a (decode 8 tokens in turns, median 200 tokens/s); the run "
             "was interrupted"));
}

TEST_CASE(
    "a recommendation counts only what is known to fit, and says which text its figure is of") {
  const std::vector<OrderedJson> results = {bench_result("m", kSlow), bench_result("n", kSlow),
                                            accuracy_result("m", 0.001, true)};
  const Report limited = report_of(results, {"kl=0.01"});
  CHECK(says(limited.advice, "the only one of 2 timed configurations known to be within kl=0.01"));
  CHECK(says(limited.advice, "not n q4_0 (100 tokens/s, not separated): mean KL not measured"));
  std::vector<OrderedJson> texts = {compare_result("worse", 0.5), accuracy_result("m", 0.3, true)};
  for (OrderedJson& c : texts[0]["configurations"]) c["logits"]["mean_kl"] = 0.004;
  const Report other = report_of(texts);
  CHECK(display(other.find("choices")->rows[0][6]) == "-");
  CHECK(says(other.advice, "mean KL 0.004 (over random tokens of 0.json"));
}
