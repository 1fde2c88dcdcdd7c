// How suites say what they found: figures from samples, criteria from figures, hashes of outputs.
#pragma once
#include <string>
#include <vector>

#include "bench/suites/suite.h"

namespace qwench::bench {

/// The samples of a quantity; without one the figure is missing.
Figure measured(std::string name, std::string unit, std::vector<double> values);
Figure not_measured(std::string name, std::string unit, std::string why);

enum class Bound : unsigned char { kBelow, kAtMost, kAbove, kAtLeast };

struct CriterionArgs {
  std::string name;
  Bound bound;
  double limit = 0;
  std::string limit_text;       // "10 s"; "": the number
  std::optional<double> value;  // none: the outcome is unknown, and the note should say why
  std::string note = {}, unit = {};
};
/// Compares, and words `expected` as "< 10 s".
Criterion judge(CriterionArgs args);
/// A condition that is not a number: 1 where it holds, 0 where not.
Criterion judge(std::string name, std::string expected, bool holds, std::string note = {});

/// The relative error (L2) of the logits of random tokens against the reference kernels': 1 % as the guides want
/// it, or logits_l2_limit() where quantised weights make kernels round their inputs to 8 bits.
Criterion judge_random_logits(SuiteContext& context, double relative_l2, int64_t tokens);

/// Standard deviation as a part of the mean; 0 for one value, none for none.
std::optional<double> variation(const std::vector<double>& values);
/// Nothing for no values.
std::optional<double> mean_of(const std::vector<double>& values);
std::optional<double> median_of(const std::vector<double>& values);

/// 16 hexadecimal digits that stand for the generated ids: equal speed rows made equal text.
std::string output_hash(const std::vector<int32_t>& ids);

}  // namespace qwench::bench
