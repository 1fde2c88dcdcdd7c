// Before and after: the kernels as chosen against the reference kernels, in turns.
#include <algorithm>

#include "bench/comparison/comparison_report.h"
#include "bench/comparison/contenders.h"
#include "bench/suites/registry.h"
#include "bench/suites/result.h"
#include "bench/support/interrupt.h"
#include "bench/support/table.h"

namespace qwench::bench {

namespace {

constexpr double kReferenceFlops = 1e9;  // a second, about: plain loops, sums in double

constexpr int64_t kQuickRounds = 6;  // the fewest that a sign test of 5 % can separate

/// Fewer tokens of a larger model: a pass of the reference kernels is to take about a second.
Workload workload_of(const SuiteOptions& o, const ModelConfig& config) {
  Workload workload;
  const auto affordable = int64_t(kReferenceFlops / (2 * double(config.parameters())));
  workload.prefill = std::clamp<int64_t>(affordable, o.size(2, 1), o.size(32, 16));
  workload.decode = std::clamp<int64_t>(affordable / 4, 1, o.size(8, 4));
  workload.seed = o.model.seed;
  return workload;
}
double seconds_of(const SuiteOptions& o) {
  if (o.seconds > 0) return o.seconds;
  return o.quick ? 1.5 : 8;
}

/// At least 20 % faster, by a verdict and not by a ratio alone; nothing is faster that is wrong.
Criterion judge_speedup(const Pair& pair) {
  Criterion c = judge({std::string(name_of(pair.phase)) + "_speedup", Bound::kAtLeast, 1.2,
                       "1.2 x the reference (20 % improvement)", pair.paired.ratio,
                       fmt::format("{}, {} rounds", pair.verdict(), pair.paired.runs)});
  if (pair.wrong) c.outcome = Outcome::kFail;
  if (c.outcome == Outcome::kPass && pair.paired.verdict != Verdict::kBetter)
    c.outcome = Outcome::kUnknown;
  return c;
}

/// Of the phase that is wrong, else of the one whose outputs are furthest from the reference's.
Criterion judge_outputs(const Closeness& closeness) {
  const PhaseCloseness* worst = &closeness.phases.front();
  for (const PhaseCloseness& p : closeness.phases)
    if (worst->wrong.empty() && (!p.wrong.empty() || p.relative_l2 > worst->relative_l2))
      worst = &p;
  const double limit = worst->limit.relative_l2.value_or(0);
  Criterion c = judge(
      {"logits_relative_error", Bound::kAtMost, limit,
       fmt::format("{:.1g} % ({})", 100 * limit, worst->limit.because), worst->relative_l2,
       fmt::format("L2 over {} rows of {} as it is timed", worst->rows, name_of(worst->phase))});
  if (worst->wrong.empty()) return c;
  if (worst->rows == 0) c.value.reset();
  c.outcome = Outcome::kFail;
  c.note = fmt::format("{}: {}", name_of(worst->phase), worst->wrong);
  return c;
}

SuiteResult report(const ComparisonReport& found) {
  SuiteResult result;
  result.interrupted = interrupted();
  for (const ComparedConfiguration& c : found.configurations)
    for (size_t p = 0; p < found.phases.size() && p < c.tokens_per_second.size(); ++p)
      result.figures.push_back(
          measured(fmt::format("{}_{}_tokens_per_second", c.name, name_of(found.phases[p])),
                   "tokens/s", c.tokens_per_second[p].values));
  OrderedJson pairs = OrderedJson::array();
  for (const Pair& pair : found.pairs) {
    result.criteria.push_back(judge_speedup(pair));
    pairs.push_back(to_json(pair));
  }
  const ComparedConfiguration &before = found.configurations.front(),
                              &after = found.configurations.back();
  result.criteria.push_back(judge_outputs(after.closeness));
  const double memory =
      double(after.memory_bytes) / double(std::max<int64_t>(1, before.memory_bytes));
  result.figures.push_back(measured("memory_ratio", "ratio", {memory}));
  result.details = {{"rounds", found.rounds},
                    {"pairs", pairs},
                    {"reference_memory_bytes", before.memory_bytes},
                    {"default_memory_bytes", after.memory_bytes},
                    {"logits_relative_l2", after.closeness.relative_l2},
                    {"top1_agreement", after.closeness.top1},
                    {"outputs", to_json(after.closeness)}};
  return result;
}

SuiteResult run(SuiteContext& context) {
  const SuiteOptions& o = context.options();
  const Workload workload = workload_of(o, context.checkpoint().config());
  context.unload();  // two models of its own
  Contenders contenders({parse_configuration("reference:kernel=reference", o.model, "comparative"),
                         parse_configuration("default:", o.model, "comparative")},
                        workload);
  RoundSettings rounds;
  rounds.seconds = seconds_of(o), rounds.seed = o.model.seed;
  if (o.quick) rounds.rounds = kQuickRounds;
  rounds.turn_ns = o.quick ? 1e6 : 3e6;  // the reference takes tens of times as long
  rounds.progress = [&](int64_t round, int64_t n) {
    context.progress().show(fmt::format("comparative: round {}/{}", round + 1, n));
  };
  PairedRule rule;
  if (o.quick) rule.alpha = 0.05;
  const std::vector<Closeness> closeness = compare_outputs(contenders);
  const bool finite = all_finite(closeness);
  Measured turns;
  if (!closeness.empty() && finite) turns = take_turns(contenders, workload, rounds);
  if (turns.rounds == 0) {
    SuiteResult nothing;
    nothing.interrupted = interrupted();
    nothing.figures = {not_measured("default_decode_tokens_per_second", "tokens/s",
                                    finite ? "no round was finished" : "NaN or Inf")};
    if (!finite) nothing.criteria.push_back(judge_outputs(closeness.back()));
    nothing.details = OrderedJson::object();
    return nothing;
  }
  SuiteResult result = report(evaluate(contenders, workload, closeness, turns, rule));
  result.details["prefill_tokens"] = workload.prefill;
  result.details["decode_tokens"] = workload.decode;
  return result;
}

SuiteCost cost(const SuiteOptions& o, const ModelConfig& config) {
  constexpr double kReferenceArms = 2, kWarmUps = 2;
  const double rounds = kWarmUps + double(o.size(12, kQuickRounds));  // at least
  const Workload workload = workload_of(o, config);
  const double reference = 2 * double(config.parameters()) *
                           double(workload.prefill + workload.decode) / kReferenceFlops;
  SuiteCost cost;
  cost.models = 2, cost.capacity = workload.capacity();
  cost.seconds = std::max(seconds_of(o), rounds * kReferenceArms * reference);
  return cost;
}

}  // namespace

Suite comparative_suite() {
  return {
      "comparative",
      "comparative,hardware,comprehensive",
      "the chosen kernels beside the reference kernels: speed-up, memory, relative error",
      "Both configurations are loaded and timed in turns (ABBA, the reference once more as its own "
      "control) for 8 s, prefill and decode apart. A speed-up needs an interval of the sign test "
      "beyond the noise floor. What both compute in the timed phases is compared. Passes when both "
      "phases are at least 20 % faster and the relative error (L2) is at most what the rounding of "
      "the kernels explains: 0.1 % with f32 inputs, 5 % where quantised weights make kernels round "
      "them to 8 bits.",
      run,
      cost};
}

}  // namespace qwench::bench
