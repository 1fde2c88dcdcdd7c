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
  std::optional<double> value;  // none: the outcome is unknown; not finite: failed
  std::string note = {}, unit = {};
};
/// Compares, and words `expected` as "< 10 s".
Criterion judge(CriterionArgs args);
/// A condition that is not a number: 1 where it holds, 0 where not.
Criterion judge(std::string name, std::string expected, bool holds, std::string note = {});
/// Left open, and why.
Criterion unknown(std::string name, std::string expected, std::string why);
/// Not held against the run: it is about something else.
Criterion not_applicable(Criterion criterion, std::string why);

/// Passes when `done` of `of` are; unknown where the user ended it before.
Criterion judge_all(std::string name, std::string expected, int64_t done, int64_t of,
                    bool interrupted);
/// Every run made the same ids; unknown for fewer than two runs, which have nothing to differ from.
Criterion judge_same_output(const std::vector<std::string>& hashes);

/// The relative error (L2) of the logits of random tokens against the reference kernels': 1 % as the guides want
/// it, or logits_l2_limit() where quantised weights make kernels round their inputs to 8 bits.
Criterion judge_random_logits(bool rounds_inputs, double relative_l2, int64_t tokens);

/// Standard deviation as a part of the mean; nothing for fewer than two values, which cannot vary.
std::optional<double> variation(const std::vector<double>& values);
/// Nothing for no values.
std::optional<double> mean_of(const std::vector<double>& values);
std::optional<double> median_of(const std::vector<double>& values);

/// 16 hexadecimal digits that stand for the generated ids: equal speed rows made equal text.
std::string output_hash(const std::vector<int32_t>& ids);

}  // namespace qwench::bench
