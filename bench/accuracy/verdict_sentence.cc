// One sentence per candidate: what it was judged by, and where a failure comes from. Kernels and weights are told
// apart by the candidate's error beside the reference kernels on its own weights: what that leaves is the weights'.
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "bench/accuracy/tolerance.h"
#include "bench/support/table.h"

namespace qwench::bench {

namespace {

constexpr double kHuge = 1e6;  // from here on digits tell less than the exponent

/// Errors as they are read best: 0.000003, 0.050.
std::string error_text(double error) {
  if (!std::isfinite(error)) return "not a number";
  if (error >= kHuge) return fmt::format("{:.1e}", error);
  if (error == 0) return "0";
  return error < 1e-6 ? fmt::format("{:.1e}", error)
                      : fmt::format("{:.{}f}", error, error < 0.001 ? 6 : 3);
}

bool beside_own_weights(const Verdict& v) { return v.metric.rfind(kSameWeights, 0) == 0; }

double limit_of(const std::vector<Verdict>& verdicts, const std::string& metric) {
  for (const Verdict& v : verdicts)
    if (v.metric == metric) return v.limit;
  return 0;
}

enum class Cause : unsigned char { kUnknown, kKernels, kWeights };

/// Whether an error beside the reference, with a part made by the kernels, is beyond the limit for its weights
/// alone. The parts are independent, so their squares add; the half keeps out what only rounding decides.
bool is_of_weights(double error, double of_kernels, double limit) {
  if (!std::isfinite(of_kernels)) return false;
  if (!std::isfinite(error)) return true;
  return of_kernels < error / 2 && std::sqrt(error * error - of_kernels * of_kernels) > limit;
}

/// Of a failure. Kernels that round inputs err more on damaged weights too: an error beside its own weights alone
/// does not prove them guilty.
Cause cause_of(const CandidateResult& c, const std::vector<Verdict>& verdicts, double limit) {
  if (!c.same_weights) return Cause::kUnknown;
  const std::vector<Similarity>&all = c.score.layers, &own = c.same_weights->score.layers;
  const ErrorTrace trace = trace_error(all, limit);
  if (trace.first_beyond >= 0 && own.size() == all.size()) {
    const auto at = size_t(trace.largest_jump);
    if (is_of_weights(all[at].relative_l2(), own[at].relative_l2(), limit)) return Cause::kWeights;
  }
  const bool own_fails = std::any_of(verdicts.begin(), verdicts.end(), [](const Verdict& v) {
    return !v.pass && beside_own_weights(v);
  });
  return own_fails ? Cause::kKernels : Cause::kWeights;
}

/// What the layers say about a failure.
std::string layers_sentence(const CandidateResult& c, double limit) {
  if (c.score.layers.empty()) return c.score.layers_note;
  const ErrorTrace trace = trace_error(c.score.layers, limit);
  const std::string jump = fmt::format("layer {}: relative error {} -> {}", trace.largest_jump,
                                       error_text(trace.before), error_text(trace.after));
  if (trace.first_beyond < 0)
    return fmt::format("every layer within tolerance, the error grows most in {}", jump);
  if (trace.first_beyond == trace.largest_jump) return jump;
  return fmt::format("layer {} is the first beyond tolerance, the error grows most in {}",
                     trace.first_beyond, jump);
}

std::string cause_sentence(const CandidateResult& c, const std::vector<Verdict>& verdicts) {
  const std::string metric = "layer_relative_l2";
  const double limit = limit_of(verdicts, metric);
  switch (cause_of(c, verdicts, limit)) {
    case Cause::kKernels:
      return layers_sentence(*c.same_weights, limit_of(verdicts, kSameWeights + metric)) +
             " beside its own weights through reference kernels";
    case Cause::kWeights:
      return layers_sentence(c, limit) +
             " beside the reference: of its weights, not of the kernels (a damaged file, or a type "
             "too coarse)";
    case Cause::kUnknown: break;
  }
  return layers_sentence(c, limit);
}

/// Three digits, or as many as show on which side of the limit the value is.
std::string beside_limit(double value, double limit) {
  const auto same_side = [&](const std::string& text) {
    const double shown = std::strtod(text.c_str(), nullptr);
    return (shown < limit) == (value < limit) && (shown > limit) == (value > limit);
  };
  constexpr int kDigits = 17;  // of a double
  if (value >= kHuge && limit < kHuge) return fmt::format("{:.1e}", value);
  std::string text = format_number(value);
  for (int digits = 4; digits <= kDigits && !same_side(text); ++digits)
    text = fmt::format("{:.{}g}", value, digits);
  return text;
}

/// "kld_mean 0.01 > 0.002".
std::string verdict_text(const Verdict& v) {
  const char* sign = v.at_least ? (v.pass ? ">=" : "<") : (v.pass ? "<=" : ">");
  return fmt::format("{} {} {} {}{}", v.metric, beside_limit(v.value, v.limit), sign, v.limit,
                     v.either_way && !v.pass ? " (deviation in either direction)" : "");
}

std::string pass_sentence(const CandidateResult& c, const std::vector<Verdict>& verdicts,
                          const std::string& scope) {
  if (!c.divergence) return fmt::format("{}: no verdict, nothing was compared", c.name);
  std::vector<std::string> reasons;
  for (const Verdict& v : verdicts)
    reasons.push_back(v.metric == "nonfinite" && v.value == 0 ? "no NaN or Inf" : verdict_text(v));
  return fmt::format("{}: PASS{}{}: {}", c.name, scope.empty() ? "" : " on ", scope,
                     fmt::join(reasons, ", "));
}

}  // namespace

std::string verdict_sentence(const CandidateResult& candidate, const Tolerances& tolerances,
                             const std::string& scope) {
  const std::vector<Verdict> verdicts = tolerances.judge(candidate);
  if (all_pass(verdicts)) return pass_sentence(candidate, verdicts, scope);
  std::string text = candidate.name + ": FAIL, " + cause_sentence(candidate, verdicts);
  if (!candidate.stability.first_nonfinite.empty())
    text += "; NaN or Inf first made by " + candidate.stability.first_nonfinite;
  for (const Verdict& v : verdicts)
    if (!v.pass && v.metric != "nonfinite") text += "; " + verdict_text(v);
  return text;
}

}  // namespace qwench::bench
