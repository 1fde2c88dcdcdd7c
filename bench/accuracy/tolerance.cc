// The table of metrics, and reading from the layers' errors alone where a candidate went wrong.
#include "bench/accuracy/tolerance.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "bench/support/number_option.h"
#include "bench/support/suggest.h"

namespace qwench::bench {

namespace {

using Value = std::optional<double>;

struct Metric {
  std::string_view name;
  bool at_least;
  std::array<Value, kWeightPrecisions> fallback;  // default limits; none: only when asked for
  Value (*value)(const CandidateResult&);
};

/// A figure of the summary, where there is one.
template <class F>
Value of_summary(const CandidateResult& c, const F& figure) {
  return c.divergence ? Value(figure(*c.divergence)) : Value();
}

Value nonfinite(const CandidateResult& c) { return double(c.stability.nonfinite()); }

Value layer_relative_l2(const CandidateResult& c) {
  Value most;
  for (const Similarity& layer : c.score.layers) {
    const double error = layer.relative_l2();
    if (!most || !(error <= *most)) most = error;
    if (std::isnan(error)) break;
  }
  return most;
}

Value layer_cosine(const CandidateResult& c) {
  Value least;
  for (const Similarity& layer : c.score.layers) {
    const double cosine = layer.cosine();
    if (!least || !(cosine >= *least)) least = cosine;
    if (std::isnan(cosine)) break;
  }
  return least;
}

Value logits_nmse(const CandidateResult& c) {
  return c.divergence ? Value(c.score.logits.nmse()) : Value();
}
Value kld_mean(const CandidateResult& c) {
  return of_summary(c, [](const auto& s) { return s.mean_kl; });
}
Value kld_median(const CandidateResult& c) {
  return of_summary(c, [](const auto& s) { return s.median_kl; });
}
Value kld_p99(const CandidateResult& c) {
  return of_summary(c, [](const auto& s) { return s.p99.value; });
}
Value kld_p999(const CandidateResult& c) {
  return of_summary(c, [](const auto& s) { return s.p99_9.value; });
}
Value kld_max(const CandidateResult& c) {
  return of_summary(c, [](const auto& s) { return s.max_kl; });
}
Value top1(const CandidateResult& c) {
  return of_summary(c, [](const auto& s) { return s.top1; });
}
Value delta_p_rms(const CandidateResult& c) {
  return of_summary(c, [](const auto& s) { return s.rms_delta_p; });
}
// Better than the reference is as far from it as worse.
Value ppl_ratio(const CandidateResult& c) {
  return of_summary(c, [](const auto& s) { return std::exp(std::fabs(s.ln_ppl_ratio)); });
}
Value generation_prefix(const CandidateResult& c) {
  return c.generation ? Value(c.generation->mean_exact_prefix()) : Value();
}

Value decode_nmse(const CandidateResult& c) {
  return c.generation && c.generation->decoded.count() ? Value(c.generation->decoded.nmse())
                                                       : Value();
}

/// Where a continuation parts, the two logits are nearer to each other than what differs in the text explains:
/// each of them may be off by the largest difference that was seen. 1 is the most that explains, and a text
/// shows most, not all of it. This alone looks at the choice of an id.
Value generation_margin(const CandidateResult& c) {
  constexpr double kLeast = 1e-5;  // of logits that are the same
  if (!c.generation || c.score.logits.count() == 0) return {};
  double most = 0;
  for (const GenerationMatch& m : c.generation->matches)
    if (m.margin) most = std::max(most, double(*m.margin));
  return most / (2 * std::max(c.score.logits.max_abs_error(), kLeast));
}

// Defaults for weights of 16 bits: the layers and logits within 1 % of the reference (relative L2;
// 1e-4 squared), the mean KLD at which 8-bit weights raise an alarm, and the consequences of both.
// For coarser weights: a few times what q8_0 and q4_0 measure on models/qwench-tiny, so that a
// format passes and a fault in it does not.
constexpr std::array<Value, kWeightPrecisions> kNone = {};
const Metric kMetrics[] = {
    {"nonfinite", false, {0, 0, 0}, nonfinite},
    {"layer_relative_l2", false, {0.01, 0.03, 0.2}, layer_relative_l2},
    {"layer_cosine", true, kNone, layer_cosine},
    {"logits_nmse", false, {1e-4, 1e-3, 0.05}, logits_nmse},
    {"kld_mean", false, {0.002, 0.002, 0.05}, kld_mean},
    {"kld_median", false, kNone, kld_median},
    {"kld_p99", false, kNone, kld_p99},
    {"kld_p999", false, kNone, kld_p999},
    {"kld_max", false, {0.1, 0.1, 5}, kld_max},
    {"top1", true, {0.99, 0.98, 0.9}, top1},
    {"delta_p_rms", false, kNone, delta_p_rms},
    {"ppl_ratio", false, {1.01, 1.01, 1.05}, ppl_ratio},
    {"generation_prefix", true, kNone, generation_prefix},
    {"generation_margin", false, {2, 2, 2}, generation_margin},
    {"decode_nmse", false, {1e-4, 1e-3, 0.05}, decode_nmse},
};

const char* sign(const Metric& metric) { return metric.at_least ? ">=" : "<="; }

}  // namespace

std::optional<double> Tolerances::limit(size_t row, WeightPrecision precision) const {
  const auto set = set_.find(row);
  return set == set_.end() ? kMetrics[row].fallback[size_t(precision)] : set->second;
}

std::vector<std::string> Tolerances::names() {
  std::vector<std::string> names;
  for (const Metric& metric : kMetrics) names.emplace_back(metric.name);
  return names;
}

void Tolerances::set(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos)
    fail_usage("--tolerance: expected name=value, got '{}'; names are {}", text,
               fmt::join(names(), ", "));
  const std::string name(text.substr(0, equals));
  const std::string_view number = text.substr(equals + 1);
  const std::optional<double> limit = parse_real(number);
  if (!limit || *limit < 0)
    fail_usage("--tolerance {}: expected a number from 0 on, got '{}'", name, number);
  for (size_t i = 0; i < std::size(kMetrics); ++i)
    if (kMetrics[i].name == name) {
      set_[i] = *limit;
      return;
    }
  const std::string near = nearest(name, names());
  fail_usage("--tolerance: unknown name '{}'{}; names are {}", name,
             near.empty() ? "" : "; did you mean " + near + "?", fmt::join(names(), ", "));
}

std::vector<Verdict> Tolerances::judge_one(const CandidateResult& candidate,
                                           bool beside_own_weights) const {
  std::vector<Verdict> verdicts;
  for (size_t i = 0; i < std::size(kMetrics); ++i) {
    const Metric& metric = kMetrics[i];
    // NaN and Inf are the candidate's own, whatever it stands beside.
    if (beside_own_weights && metric.value == nonfinite) continue;
    const Value most = limit(i, candidate.judged_as);
    const Value value = most ? metric.value(candidate) : Value();
    if (!value) continue;
    const bool pass = metric.at_least ? *value >= *most : *value <= *most;
    verdicts.push_back({(beside_own_weights ? kSameWeights : "") + std::string(metric.name), *value,
                        *most, metric.at_least, pass, metric.value == ppl_ratio});
  }
  return verdicts;
}

std::vector<Verdict> Tolerances::judge(const CandidateResult& candidate) const {
  std::vector<Verdict> verdicts = judge_one(candidate, false);
  if (candidate.same_weights)
    for (Verdict& v : judge_one(*candidate.same_weights, true)) verdicts.push_back(std::move(v));
  return verdicts;
}

OrderedJson Tolerances::to_json(WeightPrecision precision) const {
  OrderedJson json = OrderedJson::object();
  for (size_t i = 0; i < std::size(kMetrics); ++i)
    if (const Value most = limit(i, precision)) json[std::string(kMetrics[i].name)] = *most;
  return json;
}

std::string Tolerances::to_string(WeightPrecision precision) const {
  std::vector<std::string> parts;
  for (size_t i = 0; i < std::size(kMetrics); ++i)
    if (const Value most = limit(i, precision))
      parts.push_back(fmt::format("{} {} {}", kMetrics[i].name, sign(kMetrics[i]), *most));
  return fmt::format("{}", fmt::join(parts, ", "));
}

bool all_pass(const std::vector<Verdict>& verdicts) {
  return std::all_of(verdicts.begin(), verdicts.end(), [](const Verdict& v) { return v.pass; });
}

ErrorTrace trace_error(const std::vector<Similarity>& layers, double limit) {
  constexpr double kRounding = 1e-7;  // of fp32: what is below it is noise, not error
  ErrorTrace trace;
  double before = 0, strongest = -1;
  for (size_t i = 0; i < layers.size(); ++i) {
    const double after = layers[i].relative_l2();
    const int64_t layer = int64_t(i);
    if (trace.first_beyond < 0 && !(after <= limit)) trace.first_beyond = layer;
    // A small error that grew a thousandfold and a large one that grew by half are both carried on
    // from a cause before them; the cause is where much was added and little had been there.
    const double growth = (after - before) * std::log((after + kRounding) / (before + kRounding));
    const double strength = after > before ? growth : 0;
    const bool broken = !std::isfinite(after);
    if (broken || strength > strongest)
      trace.largest_jump = layer, trace.before = before, trace.after = after;
    if (broken) break;
    strongest = std::max(strongest, strength);
    before = after;
  }
  return trace;
}

}  // namespace qwench::bench
