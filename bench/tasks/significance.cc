// Flips of a paired comparison are fair coins where nothing differs.
#include "bench/tasks/significance.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "bench/accuracy/bootstrap.h"
#include "bench/support/output.h"

namespace qwench::bench {

namespace {

constexpr double kZ = 1.959963984540054;  // 97.5 % of a normal distribution lie below
constexpr double kSmallLoss = 0.01;       // what the guides count as the same

std::string percent(double part) { return fmt::format("{:.2f} %", 100 * part); }

/// From an interval alone: ruled out, or what is left open.
void judge_interval(TaskVerdict& v, double drop) {
  const double most = std::max(drop, kSmallLoss);
  if (v.interval->lo >= -most) {
    v.outcome = TaskVerdict::Outcome::kPass;
    v.reason = fmt::format("a loss of more than {} is ruled out", percent(most));
  } else {
    v.reason = fmt::format("a loss of up to {} cannot be ruled out", percent(-v.interval->lo));
  }
}

}  // namespace

double Accuracy::standard_error() const { return std::sqrt(value() * (1 - value()) / double(n)); }

Interval Accuracy::interval() const {
  const double count = double(n), z2 = kZ * kZ, p = value();
  const double middle = (p + z2 / (2 * count)) / (1 + z2 / count);
  const double half =
      kZ / (1 + z2 / count) * std::sqrt(p * (1 - p) / count + z2 / (4 * count * count));
  return {std::max(0.0, middle - half), std::min(1.0, middle + half)};
}

Accuracy accuracy_of(const Marks& marks) {
  return {int64_t(marks.size()), int64_t(std::count(marks.begin(), marks.end(), true))};
}

double PairedTest::p_value() const {
  return std::min(1.0, 2 * coins_at_most(flips(), std::min(only_reference, only_candidate)));
}

Interval PairedTest::interval() const {
  const double all = double(n) + 2;
  const double lost = double(only_reference + 1) / all, won = double(only_candidate + 1) / all;
  const double half = kZ * std::sqrt((lost + won - (won - lost) * (won - lost)) / all);
  return {std::max(-1.0, won - lost - half), std::min(1.0, won - lost + half)};
}

int64_t PairedTest::items_for_one_percent() const {
  constexpr double kBoth = kZ + 0.8416212335729143;
  return int64_t(std::ceil(kBoth * kBoth * flip_rate() / (0.01 * 0.01)));
}

PairedTest paired_test(const Marks& reference, const Marks& candidate) {
  PairedTest test;
  const size_t n = std::min(reference.size(), candidate.size());
  test.n = int64_t(n);
  for (size_t i = 0; i < n; ++i) {
    test.only_reference += int64_t(reference[i] && !candidate[i]);
    test.only_candidate += int64_t(!reference[i] && candidate[i]);
  }
  return test;
}

OrderedJson to_json(const PairedTest& t) {
  if (t.n == 0) return nullptr;
  OrderedJson needed = nullptr;
  if (t.flips()) needed = t.items_for_one_percent();
  return {{"n", t.n},
          {"only_reference", t.only_reference},
          {"only_candidate", t.only_candidate},
          {"flips", t.flips()},
          {"flip_rate", t.flip_rate()},
          {"p_value", t.p_value()},
          {"items_for_one_percent", needed}};
}

const char* name_of(TaskVerdict::Outcome outcome) {
  constexpr const char* kNames[] = {"pass", "FAIL", "inconclusive"};
  return kNames[size_t(outcome)];
}

OrderedJson to_json(const TaskVerdict& v) {
  constexpr const char* kNames[] = {"pass", "fail", "inconclusive"};
  OrderedJson json = {{"outcome", kNames[size_t(v.outcome)]},
                      {"difference", finite_or_null(v.difference)},
                      {"ci95", nullptr},
                      {"reason", v.reason}};
  if (v.interval) json["ci95"] = {v.interval->lo, v.interval->hi};
  return json;
}

TaskVerdict judge_answers(const PairedTest& test, double drop) {
  constexpr double kAlpha = 0.05;
  TaskVerdict v;
  if (test.n == 0) {
    v.reason = "no item was answered by both";
    return v;
  }
  v.difference = test.difference(), v.interval = test.interval();
  const bool worse = test.only_reference > test.only_candidate;
  const bool significant = drop > 0 ? v.interval->hi < -drop : test.p_value() <= kAlpha;
  if (worse && significant) {
    v.outcome = TaskVerdict::Outcome::kFail;
    v.reason = fmt::format("{} answers became wrong and {} right, p = {:.2g}", test.only_reference,
                           test.only_candidate, test.p_value());
    return v;
  }
  judge_interval(v, drop);
  if (v.outcome == TaskVerdict::Outcome::kInconclusive && test.flips() > 0)
    v.reason += fmt::format("; about {} items would tell 1 %", test.items_for_one_percent());
  return v;
}

TaskVerdict judge_scores(const std::vector<double>& differences, double drop) {
  TaskVerdict v;
  if (differences.empty()) {
    v.reason = "no item was answered by both";
    return v;
  }
  // As for answers, one item is added each way: equal scores of a few items prove little.
  std::vector<ClusterSum> items = {{1, 1}, {-1, 1}};
  for (const double d : differences) items.push_back({d, 1});
  const std::optional<BootstrapInterval> mean_of_all = bootstrap_ratio(items);
  v.difference = mean(differences), v.interval = Interval{mean_of_all->lo, mean_of_all->hi};
  if (v.interval->hi < -drop) {
    v.outcome = TaskVerdict::Outcome::kFail;
    v.reason = fmt::format("the mean score fell by {}, at least by {}", percent(-v.difference),
                           percent(-v.interval->hi));
  } else {
    judge_interval(v, drop);
  }
  return v;
}

}  // namespace qwench::bench
