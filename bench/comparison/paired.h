// What can be said of two arms that took turns: one ratio a round, the median and the exact interval of
// the sign test. Nothing is assumed of the ratios but that rounds are independent.
#pragma once
#include <optional>
#include <vector>

#include "bench/support/statistics.h"
#include "engine/base/json.h"

namespace qwench::bench {

/// The interval [x(k), x(n + 1 - k)] of the ordered values that holds the median with at least
/// `confidence`, k as large as that allows (sign test). Nothing for fewer values than that takes.
/// Contract: no NaN; 0 < confidence < 1.
std::optional<Interval> sign_interval(std::vector<double> values, double confidence);

/// Fewest values for which sign_interval has an answer.
int64_t least_values(double confidence);

enum class Verdict : unsigned char { kBetter, kWorse, kNotSeparated };
std::string_view name_of(Verdict verdict);

struct PairedRule {
  double alpha = 0.01;  // chance of a verdict where there is no difference; of each comparison
  double margin = 0;    // differences up to this part are of no interest
};

/// b against a, as speed: above 1 b is faster.
struct Paired {
  double ratio = 1;  // median over the rounds
  std::optional<Interval> ci95;
  Verdict verdict = Verdict::kNotSeparated;
  int64_t runs = 0;
  std::optional<int64_t> runs_needed;  // to separate a difference of this size; none if never
  double noise_floor = 0;              // what the same comparison says of a against itself
};

/// ratios: of b over a, one a round. control: of a over a, from the same rounds. A verdict needs an
/// interval of 1 - alpha that does not hold 1, and a ratio further from 1 than the margin and than the
/// noise floor: the end of the control's 95 % interval that is further from 1.
Paired compare_paired(const std::vector<double>& ratios, const std::vector<double>& control,
                      const PairedRule& rule);

/// {"ratio", "ci95", "verdict", "runs", "runs_needed", "noise_floor"}.
OrderedJson to_json(const Paired& paired);

}  // namespace qwench::bench
