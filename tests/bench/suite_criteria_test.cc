// What the suites' criteria leave open, and which targets apply to which model. That each of them can fail is in the
// table of planted faults.
#include "bench/suites/criteria.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "bench/suites/target_criteria.h"
#include "tests/bench/program.h"

using namespace qwench::bench;
using qwench::test::available;
using qwench::test::run;
using Judged = qwench::bench::Outcome;

namespace {

const Criterion& find(const std::vector<Criterion>& criteria, const std::string& name) {
  for (const Criterion& c : criteria)
    if (c.name == name) return c;
  FAIL("no criterion " << name);
  return criteria.front();
}

/// A machine that reaches every target of a model of that size, and a run that does.
TargetsMeasured fast_run(double parameters, double bits) {
  TargetsMeasured m;
  m.tokens_per_second = {90}, m.first_token_ns = {50e6}, m.answer_ns = {1e9};
  m.batch_tokens_per_second = {90.0, 250.0, 350.0, 450.0};
  m.memory_bytes = 1e9, m.device = "cpu";
  m.prompt_tokens = 64, m.new_tokens = 32;
  m.parameters = parameters, m.bits = bits;
  return m;
}
constexpr ModelCeilings kFastMachine{400e9, 50e12, 1e9, 3.4e9};

int64_t count(const std::vector<Criterion>& criteria, Judged outcome) {
  return std::count_if(criteria.begin(), criteria.end(),
                       [&](const Criterion& c) { return c.outcome == outcome; });
}

}  // namespace

TEST_CASE("one run has nothing to differ from, and an interrupted suite has not failed") {
  CHECK(judge_same_output({"a"}).outcome == Judged::kUnknown);
  CHECK(judge_same_output({"a", "a"}).outcome == Judged::kPass);
  CHECK(judge_same_output({"a", "b"}).outcome == Judged::kFail);
  CHECK(judge_all("n", "e", 2, 5, true).outcome == Judged::kUnknown);
  CHECK(judge_all("n", "e", 2, 5, false).outcome == Judged::kFail);
  CHECK(judge_all("n", "e", 0, 0, false).outcome == Judged::kFail);
  CHECK(!variation({3}));
  CHECK(*variation({1, 3}) > 0.5);
}

TEST_CASE("what batches bring is judged by batches above 1, against batch 1") {
  const auto gain = [](const std::vector<BatchSpeed>& speeds) {
    return judge_batch_gain("gain", Bound::kAtLeast, speeds);
  };
  CHECK(gain({{1, 100}, {4, 80}, {8, 90}}).outcome == Judged::kFail);
  CHECK(*gain({{1, 100}, {4, 80}, {8, 90}}).value == doctest::Approx(0.9));
  CHECK(*gain({{8, 300}, {1, 100}}).value == doctest::Approx(3));
  CHECK(gain({{1, 100}}).outcome == Judged::kUnknown);
  CHECK(gain({{1, 100}}).note.find("-b 1,4") != std::string::npos);
  CHECK(gain({{4, 100}, {8, 200}}).outcome == Judged::kUnknown);
  CHECK(gain({}).outcome == Judged::kUnknown);
}

TEST_CASE("users that failed have no answers to compare") {
  UsersMeasured one{1, 10, 0, {1, 1}, {"a", "b"}, 1}, two = one, failed = one;
  two.users = 2, failed.users = 4, failed.failures = 1, failed.hashes.clear();
  CHECK(find(judge_users({one, two}, false), "same_answers").outcome == Judged::kPass);
  CHECK(find(judge_users({failed, one, two}, false), "same_answers").outcome == Judged::kPass);
  CHECK(find(judge_users({one, failed}, false), "same_answers").outcome == Judged::kUnknown);
  CHECK(find(judge_users({one, failed}, false), "failures").outcome == Judged::kFail);
  CHECK(find(judge_users({one}, false), "throughput_gain").outcome == Judged::kUnknown);
  CHECK(judge_users({}, false).size() == 4);
}

TEST_CASE("a model is judged by the targets of its own size class and precision") {
  const auto applies = [](double parameters, double bits) {
    return class_of(parameters, bits).why_not.empty();
  };
  CHECK(applies(1.72e9, 4.5));
  CHECK(applies(1.54e9, 8.5));
  CHECK(applies(7.6e9, 4.25));
  CHECK(applies(14.8e9, 16));
  for (const double parameters : {1.2e6, 0.49e9, 0.6e9, 3.1e9, 4e9, 32.8e9})
    CHECK(
        class_of(parameters, 4.5).why_not.find("in no size class of the guides (1.7B, 7B, 14B)") !=
        std::string::npos);
  CHECK(class_of(1.18e6, 16).why_not.rfind("1.18 million parameters", 0) == 0);
  CHECK(class_of(0.494e9, 16).why_not.rfind("494 million parameters", 0) == 0);
  CHECK(class_of(1.7e9, 16).why_not == "16 bits a weight: the guides have 4-bit, 8-bit at 1.7B");
  CHECK(!applies(14.8e9, 4.5));
}

TEST_CASE("targets of other sizes and devices are not applicable, and keep their values") {
  const auto in_class = judge_targets(fast_run(1.7e9, 4.5), kFastMachine);
  CHECK(count(in_class, Judged::kPass) == 12);
  CHECK(count(in_class, Judged::kFail) == 0);
  CHECK(find(in_class, "production (gpu): speed").outcome == Judged::kNotApplicable);
  CHECK(find(in_class, "production (gpu): speed").note == "a target for a gpu, this is a cpu");

  const auto half = judge_targets(fast_run(0.49e9, 16), kFastMachine);
  const Criterion& batch = find(half, "1.7B 8-bit: batch 1");
  CHECK(batch.outcome == Judged::kNotApplicable);
  CHECK(*batch.value == 90);
  CHECK(find(half, "development (cpu): speed").outcome == Judged::kPass);

  const auto toy = judge_targets(fast_run(1.2e6, 16), kFastMachine);
  CHECK(count(toy, Judged::kNotApplicable) == int64_t(toy.size()));
}

TEST_CASE(
    "a target beyond the ceiling is unreachable where it was missed, not where it was not "
    "measured") {
  TargetsMeasured slow = fast_run(1.7e9, 4.5);
  slow.batch_tokens_per_second = {20.0, std::nullopt, 100.0, 200.0};
  const ModelCeilings laptop{40e9, 400e9, 1e9, 3.4e9};
  const auto judged = judge_targets(slow, laptop);
  CHECK(find(judged, "1.7B 4-bit: batch 1").outcome == Judged::kUnreachable);
  CHECK(find(judged, "1.7B 4-bit: batch 4").outcome == Judged::kUnknown);
}

TEST_CASE("a plan that does not fit exits with 1 and says what would") {
  if (!available()) return;
  const auto planned = run("bench --quick --plan -m qwen3-32b --dtype f32");
  CHECK(planned.code == 1);
  CHECK(planned.err.find("not everything fits") != std::string::npos);
  CHECK(planned.out.find("no ") != std::string::npos);
  const auto sweep = run("bench --plan -m qwen3-32b --dtype f32 -t 1");
  CHECK(sweep.code == 1);
  CHECK(sweep.err.find("not every case fits") != std::string::npos);
}
