// How sure an accuracy is, and whether two models that answered the same items differ.
#pragma once
#include <cstdint>
#include <vector>

#include "engine/json.h"

namespace qwench::bench {

/// Right or wrong, item by item in the order of the file.
using Marks = std::vector<bool>;

struct Accuracy {
  int64_t n = 0, correct = 0;

  double value() const { return double(correct) / double(n); }  // in [0, 1]; n > 0
  /// Standard error of a proportion: sqrt(p (1 - p) / n).
  double standard_error() const;
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

}  // namespace qwench::bench
