// A figure with a sample that is not finite is missing; a criterion with such a value has failed.
#include "bench/suites/result.h"

#include <algorithm>
#include <cmath>

#include "bench/accuracy/reference_file.h"
#include "bench/accuracy/rounding.h"

namespace qwench::bench {

namespace {

constexpr const char* kSigns[] = {"<", "<=", ">", ">="};

bool within(Bound bound, double value, double limit) {
  switch (bound) {
    case Bound::kBelow: return value < limit;
    case Bound::kAtMost: return value <= limit;
    case Bound::kAbove: return value > limit;
    case Bound::kAtLeast: return value >= limit;
  }
  return false;
}

}  // namespace

Figure measured(std::string name, std::string unit, std::vector<double> values) {
  if (values.empty()) return not_measured(std::move(name), std::move(unit), "nothing was measured");
  for (const double value : values)
    if (!std::isfinite(value))
      return not_measured(std::move(name), std::move(unit), "a sample was not finite");
  return {std::move(name), std::move(unit), summarize(std::move(values)), ""};
}

Figure not_measured(std::string name, std::string unit, std::string why) {
  return {std::move(name), std::move(unit), std::nullopt, std::move(why)};
}

Criterion judge(CriterionArgs args) {
  Criterion c;
  c.name = std::move(args.name), c.note = std::move(args.note), c.unit = std::move(args.unit);
  const std::string limit =
      args.limit_text.empty() ? fmt::format("{:.6g}", args.limit) : args.limit_text;
  c.expected = fmt::format("{} {}", kSigns[size_t(args.bound)], limit);
  c.value = args.value;
  if (!c.value && c.note.empty()) c.note = "not measured";
  if (!c.value) return c;
  // Nothing is beyond a NaN, and nothing within it either.
  if (!std::isfinite(*c.value)) c.note = "not a finite number";
  const bool met = std::isfinite(*c.value) && within(args.bound, *c.value, args.limit);
  c.outcome = met ? Outcome::kPass : Outcome::kFail;
  return c;
}

Criterion judge(std::string name, std::string expected, bool holds, std::string note) {
  Criterion c;
  c.name = std::move(name), c.expected = std::move(expected), c.note = std::move(note);
  c.value = holds ? 1 : 0, c.unit = "boolean";
  c.outcome = holds ? Outcome::kPass : Outcome::kFail;
  return c;
}

Criterion unknown(std::string name, std::string expected, std::string why) {
  Criterion c;
  c.name = std::move(name), c.expected = std::move(expected), c.note = std::move(why);
  return c;
}

Criterion not_applicable(Criterion criterion, std::string why) {
  criterion.outcome = Outcome::kNotApplicable, criterion.note = std::move(why);
  return criterion;
}

Criterion judge_all(std::string name, std::string expected, int64_t done, int64_t of,
                    bool interrupted) {
  if (interrupted) return unknown(std::move(name), std::move(expected), "interrupted");
  return judge(std::move(name), std::move(expected), of > 0 && done == of,
               fmt::format("{} of {}", done, of));
}

Criterion judge_same_output(const std::vector<std::string>& hashes) {
  const std::string name = "same_output", expected = "every run generates the same ids";
  if (hashes.size() < 2) return unknown(name, expected, "fewer than two runs to compare");
  const int64_t differ =
      int64_t(hashes.size()) - std::count(hashes.begin(), hashes.end(), hashes.front());
  return judge(name, expected, differ == 0,
               fmt::format("{} of {} runs differ from the first", differ, hashes.size()));
}

Criterion judge_random_logits(bool rounds_inputs, double relative_l2, int64_t tokens) {
  constexpr double kOfTheGuides = 0.01;
  const double limit = rounds_inputs ? logits_l2_limit(InputPrecision::kInt8) : kOfTheGuides;
  return judge(
      {"logits_relative_error", Bound::kAtMost, limit,
       fmt::format("{:.0f} %{}", 100 * limit, rounds_inputs ? " (inputs rounded to 8 bits)" : ""),
       relative_l2, fmt::format("L2 over {} random tokens", tokens)});
}

std::optional<double> variation(const std::vector<double>& values) {
  if (values.size() < 2 || mean(values) == 0) return std::nullopt;
  return standard_deviation(values) / std::fabs(mean(values));
}

std::optional<double> mean_of(const std::vector<double>& values) {
  if (values.empty()) return std::nullopt;
  return mean(values);
}

std::optional<double> median_of(const std::vector<double>& values) {
  if (values.empty()) return std::nullopt;
  return median(values);
}

std::string output_hash(const std::vector<int32_t>& ids) {
  return fmt::format("{:016x}", hash_tokens(ids));
}

}  // namespace qwench::bench
