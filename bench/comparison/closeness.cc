// Rows are compared one by one, so that one wrong row among a thousand right ones is seen.
#include "bench/comparison/closeness.h"

#include <algorithm>
#include <cmath>

#include "bench/accuracy/divergence.h"
#include "bench/accuracy/similarity.h"
#include "bench/support/output.h"

namespace qwench::bench {

namespace {

/// NaN counts as the largest.
double larger(double a, double b) { return a >= b || std::isnan(a) ? a : b; }

/// Nothing where there are no rows of the same tokens and width.
void add_rows(const Rows& reference, const Rows& candidate, PhaseCloseness& to) {
  if (reference.width != candidate.width || reference.values.size() != candidate.values.size())
    return;
  Similarity all;
  for (int64_t row = 0; row < reference.n(); ++row) {
    Similarity one;
    const float *r = &reference.values[size_t(row * reference.width)],
                *c = &candidate.values[size_t(row * reference.width)];
    one.add(r, c, reference.width), all.add(r, c, reference.width);
    to.worst_row = larger(to.worst_row, one.relative_l2());
  }
  to.rows += reference.n();
  to.relative_l2 = larger(to.relative_l2, all.relative_l2());
}

std::string what_is_wrong(const PhaseCloseness& p) {
  if (!std::isfinite(p.relative_l2)) return "NaN or Inf";
  if (!p.limit.relative_l2) return {};
  const double most = *p.limit.relative_l2;
  const auto words = [&](const char* what, double value, double limit) {
    return fmt::format("{} {:.2e}, at most {:.1e} ({})", what, value, limit, p.limit.because);
  };
  if (p.relative_l2 > most) return words("relative L2", p.relative_l2, most);
  if (p.worst_row > kWorstRow * most)
    return words("relative L2 of one row", p.worst_row, kWorstRow * most);
  return {};
}

PhaseCloseness closeness_of(const PhaseOutput& reference, const PhaseOutput& candidate,
                            const LogitsLimit& limit) {
  PhaseCloseness p;
  p.phase = candidate.phase, p.limit = limit;
  add_rows(reference.logits, candidate.logits, p);
  add_rows(reference.residual, candidate.residual, p);
  p.other_tokens = reference.tokens != candidate.tokens;
  p.wrong = candidate.nonfinite.empty() ? what_is_wrong(p) : candidate.nonfinite;
  if (p.wrong.empty()) p.wrong = candidate.wrong_choice;
  return p;
}

/// What random tokens are predicted to be followed by.
void add_predictions(const PhaseOutput& reference, const PhaseOutput& candidate, Similarity& all,
                     Closeness& to) {
  const Rows &r = reference.logits, &c = candidate.logits;
  if (r.width != c.width || r.values.size() != c.values.size()) return;
  for (int64_t row = 0; row < r.n(); ++row) {
    const float *a = &r.values[size_t(row * r.width)], *b = &c.values[size_t(row * r.width)];
    all.add(a, b, r.width);
    const PositionDivergence d = compare_rows(a, b, r.width, kNoNext);
    to.mean_kl += d.kl, to.top1 += d.same_top1, ++to.tokens;
  }
}

Closeness closeness_of(const ArmOutputs& reference, const ArmOutputs& candidate) {
  Closeness to;
  to.top1 = 0;
  Similarity all;
  for (size_t i = 0; i < candidate.phases.size(); ++i) {
    const PhaseOutput &r = reference.phases[i], &c = candidate.phases[i];
    Numerics of_reference = reference.numerics, of_candidate = candidate.numerics;
    of_reference.inputs = r.inputs, of_candidate.inputs = c.inputs;
    to.phases.push_back(closeness_of(r, c, logits_limit(of_reference, of_candidate)));
    to.finite = to.finite && c.nonfinite.empty();
    add_predictions(r, c, all, to);
  }
  to.relative_l2 = all.relative_l2();
  if (to.tokens) to.mean_kl /= double(to.tokens), to.top1 /= double(to.tokens);
  return to;
}

}  // namespace

bool Closeness::wrong() const {
  return std::any_of(phases.begin(), phases.end(),
                     [](const PhaseCloseness& p) { return !p.wrong.empty(); });
}

std::vector<Closeness> compare_outputs(Arms& arms) {
  std::vector<Closeness> all;
  ArmOutputs first;
  for (size_t arm = 0; arm < arms.count(); ++arm) {
    ArmOutputs outputs = arms.outputs(arm);
    if (outputs.phases.empty()) return {};
    all.push_back(closeness_of(arm ? first : outputs, outputs));
    if (arm == 0) first = std::move(outputs);
  }
  return all;
}

bool any_wrong(const std::vector<Closeness>& closeness) {
  return std::any_of(closeness.begin(), closeness.end(),
                     [](const Closeness& c) { return c.wrong(); });
}

bool all_finite(const std::vector<Closeness>& closeness) {
  return std::all_of(closeness.begin(), closeness.end(),
                     [](const Closeness& c) { return c.finite; });
}

OrderedJson to_json(const Closeness& c) {
  const bool known = c.tokens > 0;
  OrderedJson phases = OrderedJson::array();
  for (const PhaseCloseness& p : c.phases)
    phases.push_back({{"phase", name_of(p.phase)},
                      {"rows", p.rows},
                      {"relative_l2", p.rows ? finite_or_null(p.relative_l2) : nullptr},
                      {"worst_row", p.rows ? finite_or_null(p.worst_row) : nullptr},
                      {"limit", number_or_null(p.limit.relative_l2.value_or(0),
                                               p.limit.relative_l2.has_value())},
                      {"because", p.limit.because},
                      {"other_tokens", p.other_tokens},
                      {"wrong", text_or_null(p.wrong)}});
  return {{"tokens", c.tokens},
          {"relative_l2", known ? finite_or_null(c.relative_l2) : nullptr},
          {"mean_kl", known ? finite_or_null(c.mean_kl) : nullptr},
          {"top1", number_or_null(c.top1, known)},
          {"correct", !c.wrong()},
          {"phases", phases}};
}

std::string closeness_text(const Closeness& c) {
  std::string wrong;
  bool judged = true, same = true;
  for (const PhaseCloseness& p : c.phases) {
    if (!p.wrong.empty()) wrong += fmt::format("{}{}", wrong.empty() ? "" : ", ", name_of(p.phase));
    judged = judged && p.rows > 0 && p.limit.relative_l2;
    same = same && p.rows > 0 && p.worst_row == 0;
  }
  if (!wrong.empty()) return "WRONG in " + wrong;
  if (!judged) return "not judged";
  return same ? "the same bits" : "within the limit";
}

std::string closeness_notes(const std::string& name, const std::string& first, const Closeness& c) {
  std::string text;
  for (const PhaseCloseness& p : c.phases) {
    const std::string_view phase = name_of(p.phase);
    if (!p.wrong.empty())
      text += fmt::format("WRONG: {} against {}, {}: {}\n", name, first, phase, p.wrong);
    else if (p.rows == 0 || !p.limit.relative_l2)
      text += fmt::format("not judged: {} against {}, {}: {}\n", name, first, phase,
                          p.rows ? p.limit.because : "other vocabularies");
    if (p.other_tokens && p.wrong.empty())
      text +=
          fmt::format("{} against {}, {}: other tokens were the likeliest\n", name, first, phase);
  }
  return text;
}

}  // namespace qwench::bench
