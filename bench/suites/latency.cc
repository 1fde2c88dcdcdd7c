// The time of one answer: a few repetitions, and many to see how far the slow ones are from the usual.
#include <algorithm>

#include "bench/machine/environment.h"
#include "bench/machine/host.h"
#include "bench/suites/criteria.h"
#include "bench/suites/generation.h"
#include "bench/suites/prompts.h"
#include "bench/suites/registry.h"
#include "bench/suites/result.h"
#include "bench/support/interrupt.h"

namespace qwench::bench {

namespace {

struct Latencies {
  std::vector<double> total_ns, first_token_ns, token_ns;
  std::vector<double> decode_tokens_per_second;
  int64_t prompt_tokens = 0, generated = 0;
  std::vector<std::string> hashes;  // of each answer
};

struct LatencyPlan {
  std::string_view label;
  int64_t runs = 0, n_new = 0;
};

Latencies measure(SuiteContext& context, const LatencyPlan& plan) {
  const std::vector<int32_t> prompt = prompt_ids(context, throughput_prompts().front().text);
  GenerationSession session(context, 1, int64_t(prompt.size()) + plan.n_new);
  for (int64_t i = 0; i < context.options().warmup && !interrupted(); ++i)
    session.generate(prompt, plan.n_new);
  Latencies to;
  for (int64_t i = 0; i < plan.runs; ++i) {
    context.progress().show(fmt::format("{}: run {}/{}", plan.label, i + 1, plan.runs));
    const Generation g = session.generate(prompt, plan.n_new);
    if (g.interrupted) break;
    to.total_ns.push_back(g.total_ns), to.first_token_ns.push_back(g.first_token_ns);
    to.token_ns.insert(to.token_ns.end(), g.token_ns.begin(), g.token_ns.end());
    if (const auto rate = g.decode_tokens_per_second())
      to.decode_tokens_per_second.push_back(*rate);
    to.prompt_tokens = g.prompt_tokens, to.generated = int64_t(g.ids.size());
    to.hashes.push_back(output_hash(g.ids));
  }
  return to;
}

SuiteResult report(SuiteContext& context, const Latencies& l) {
  SuiteResult result;
  result.interrupted = interrupted();
  result.figures = {measured("latency", "ns", l.total_ns),
                    measured("first_token_latency", "ns", l.first_token_ns),
                    measured("token_latency", "ns", l.token_ns),
                    measured("decode_tokens_per_second", "tokens/s", l.decode_tokens_per_second)};
  if (l.token_ns.empty() && l.generated == 1)
    for (size_t i : {size_t(2), size_t(3)})
      result.figures[i].missing = "one token was generated: there is no time between two";
  result.criteria.push_back(judge_same_output(l.hashes));
  result.details = {
      {"prompts", prompt_source(context)},
      {"prompt_tokens", l.prompt_tokens},
      {"generated_tokens", l.generated},
      {"output_hash", l.hashes.empty() ? OrderedJson(nullptr) : OrderedJson(l.hashes.front())}};
  return result;
}

SuiteResult run_latency(SuiteContext& context) {
  const SuiteOptions& o = context.options();
  const Latencies l = measure(
      context, {"latency", o.quick ? 3 : std::max<int64_t>(10, o.runs), o.generated(50, 8)});
  SuiteResult result = report(context, l);
  result.criteria.push_back(judge_latency(l.total_ns));
  return result;
}

/// What is known to make times scatter, and what of it was seen on this machine.
std::string causes_of_variance() {
  const OrderedJson environment = environment_block();
  std::string seen;
  const auto add = [&seen](const std::string& what) { seen += (seen.empty() ? "" : ", ") + what; };
  const OrderedJson& load = environment["load_average"];
  if (load.is_array() && load[0].get<double>() > 0.5 * host().logical_cores)
    add(fmt::format("load average {:.2f} (close other programs)", load[0].get<double>()));
  const OrderedJson& governor = environment["cpu"]["governor"];
  if (governor.is_string() && governor != "performance")
    add("frequency governor " + governor.get<std::string>() + " (set performance)");
  if (host().virtual_machine.value_or(false))
    add("virtual machine (its neighbours cannot be seen)");
  return (seen.empty() ? "no cause seen" : "seen: " + seen) +
         "; also possible: thermal throttling, too short a warm-up, few --runs";
}

SuiteResult run_consistency(SuiteContext& context) {
  const SuiteOptions& o = context.options();
  const int64_t runs = o.quick ? 6 : std::max<int64_t>(20, o.runs);
  const Latencies l = measure(context, {"latency_consistency", runs, o.generated(32, 8)});
  SuiteResult result = report(context, l);
  Criterion steady = judge_consistency(l.total_ns);
  if (steady.outcome == Outcome::kFail) steady.note = causes_of_variance();
  result.criteria.push_back(std::move(steady));
  result.details["percentile_rule"] = fmt::format(
      "a percentile needs samples beyond it: p90 {}, p95 {}, p99 {}", samples_for_percentile(0.90),
      samples_for_percentile(0.95), samples_for_percentile(0.99));
  return result;
}

SuiteCost cost_of(int64_t runs, int64_t n_new) {
  SuiteCost cost;
  const int64_t prompt = stated_tokens(throughput_prompts().front().text);
  cost.capacity = 32 + n_new;
  cost.prefill_tokens = runs * prompt, cost.decode_steps = runs * n_new;
  return cost;
}

}  // namespace

Criterion judge_latency(const std::vector<double>& total_ns) {
  return judge({"latency_variation", Bound::kBelow, 1, "1 (std < mean)", variation(total_ns)});
}

Criterion judge_consistency(const std::vector<double>& total_ns) {
  return judge({"latency_variation", Bound::kAtMost, 0.1, "10 % of the mean", variation(total_ns)});
}

Suite latency_suite() {
  return {
      "latency",
      "comprehensive,system,automated",
      "time of one answer, of its first token and of each further one",
      "One prompt is answered greedily with a fixed number of tokens (end-of-text ignored) at "
      "least "
      "10 times after --warmup untimed answers; the clock starts before the prompt is read and "
      "stops when the last token is known. Passes when the standard deviation is below the mean "
      "and every run generates the same ids.",
      run_latency,
      [](const SuiteOptions& o, const ModelConfig&) {
        return cost_of(o.quick ? 3 : std::max<int64_t>(10, o.runs), o.generated(50, 8));
      }};
}

Suite latency_consistency_suite() {
  return {
      "latency_consistency",
      "comprehensive,scalability,system",
      "how far slow answers are from usual ones, with p95 and p99 where samples allow",
      "As latency, with 20 answers or more. Percentiles are given only where there are samples for "
      "them (p95 59, p99 299); times between tokens are pooled over all answers. Passes when the "
      "standard deviation is at most 10 % of the mean; when not, the causes seen on the machine "
      "are named.",
      run_consistency,
      [](const SuiteOptions& o, const ModelConfig&) {
        return cost_of(o.quick ? 6 : std::max<int64_t>(20, o.runs), o.generated(32, 8));
      }};
}

}  // namespace qwench::bench
