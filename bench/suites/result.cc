// A value that is not finite is no value.
#include "bench/suites/result.h"

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
  if (!args.value || !std::isfinite(*args.value)) return c;
  c.value = args.value;
  c.outcome = within(args.bound, *args.value, args.limit) ? Outcome::kPass : Outcome::kFail;
  return c;
}

Criterion judge(std::string name, std::string expected, bool holds, std::string note) {
  Criterion c;
  c.name = std::move(name), c.expected = std::move(expected), c.note = std::move(note);
  c.value = holds ? 1 : 0, c.unit = "boolean";
  c.outcome = holds ? Outcome::kPass : Outcome::kFail;
  return c;
}

Criterion judge_random_logits(SuiteContext& context, double relative_l2, int64_t tokens) {
  constexpr double kOfTheGuides = 0.01;
  const DType dtype = weight_dtype(context.options().model, context.checkpoint().config());
  const bool rounds = is_quantized(dtype);
  const double limit = rounds ? logits_l2_limit(InputPrecision::kInt8) : kOfTheGuides;
  return judge({"logits_relative_error", Bound::kAtMost, limit,
                fmt::format("{:.0f} %{}", 100 * limit, rounds ? " (inputs rounded to 8 bits)" : ""),
                relative_l2, fmt::format("L2 over {} random tokens", tokens)});
}

std::optional<double> variation(const std::vector<double>& values) {
  if (values.empty() || mean(values) == 0) return std::nullopt;
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
