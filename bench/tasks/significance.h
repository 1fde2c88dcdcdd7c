// How sure an accuracy is, and whether two models that answered the same items differ.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bench/support/statistics.h"

namespace qwench::bench {

/// Right or wrong, item by item in the order of the file.
using Marks = std::vector<bool>;

struct Accuracy {
  int64_t n = 0, correct = 0;

  double value() const { return double(correct) / double(n); }  // in [0, 1]; n > 0
  /// Standard error of a proportion: sqrt(p (1 - p) / n). 0 where all answers are right, or none.
  double standard_error() const;
  /// 95 % interval of Wilson (1927): a few answers that are all right prove little.
  Interval interval() const;
};
Accuracy accuracy_of(const Marks& marks);

/// The paired comparison of McNemar: only items on which the two disagree say anything.
struct PairedTest {
  int64_t n = 0;               // items that both answered
  int64_t only_reference = 0;  // right in the reference, wrong here
  int64_t only_candidate = 0;  // wrong in the reference, right here

  int64_t flips() const { return only_reference + only_candidate; }
  double flip_rate() const { return double(flips()) / double(n); }  // n > 0
  /// Exact two-sided binomial test of "a flip is as likely one way as the other":
  /// min(1, 2 P(X <= min(b, c))), X ~ Binomial(b + c, 1/2). 1 without any flip.
  double p_value() const;
  double difference() const { return double(only_candidate - only_reference) / double(n); }
  /// 95 % interval of difference(): Wald with one flip added each way (Bonett and Price 2012), which holds for few
  /// flips too.
  Interval interval() const;
  /// Items needed to see a drop of one percentage point at this flip rate, with 80 % power at the
  /// 5 % level (two-sided): ceil((z_.975 + z_.8)^2 flip_rate / 0.01^2), z = 1.95996 and 0.84162.
  /// The variance of a paired difference is flip_rate / n where the difference itself is small.
  int64_t items_for_one_percent() const;
};
/// Compares the first min(a, b) items: a run that was interrupted has fewer.
PairedTest paired_test(const Marks& reference, const Marks& candidate);

/// {"n", "only_reference", "only_candidate", "flips", "flip_rate", "p_value",
/// "items_for_one_percent"}; null without items, items_for_one_percent null without flips.
OrderedJson to_json(const PairedTest& test);

/// What a task says of a candidate beside the reference.
struct TaskVerdict {
  enum class Outcome : unsigned char { kPass, kFail, kInconclusive };

  Outcome outcome = Outcome::kInconclusive;
  double difference = 0;             // of the score, candidate minus reference, in parts of 1
  std::optional<Interval> interval;  // 95 % of it
  std::string reason;                // a sentence without its end
};
/// "pass", "FAIL", "inconclusive".
const char* name_of(TaskVerdict::Outcome outcome);
OrderedJson to_json(const TaskVerdict& verdict);

/// Fails where the candidate is significantly worse: with no `drop` allowed by McNemar's test at 5 %, else where the
/// whole interval lies below -drop. Passes where a loss of more than `drop`, and of more than one percent, is ruled
/// out. Contract: drop in [0, 1].
TaskVerdict judge_answers(const PairedTest& test, double drop);

/// The same of scores in [0, 1], candidate minus reference, item by item: by a bootstrap of their mean with one item
/// added each way.
TaskVerdict judge_scores(const std::vector<double>& differences, double drop);

}  // namespace qwench::bench
