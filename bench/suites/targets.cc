// The guides' targets as rows: the measured value, and what part of the machine's ceiling a target asks for.
#include <algorithm>

#include "bench/machine/host.h"
#include "bench/suites/generation.h"
#include "bench/suites/registry.h"
#include "bench/suites/result.h"
#include "bench/suites/target_criteria.h"
#include "bench/support/interrupt.h"
#include "bench/support/table.h"
#include "bench/sweep/case.h"

namespace qwench::bench {

namespace {

constexpr int64_t kPrompt = 64;

TargetsMeasured measure(SuiteContext& context) {
  const SuiteOptions& o = context.options();
  const ModelConfig& config = context.checkpoint().config();
  const int64_t n_new = o.generated(32, 8), runs = o.quick ? 2 : o.runs;
  TargetsMeasured m;
  m.prompt_tokens = kPrompt, m.new_tokens = n_new;
  m.parameters = double(config.parameters());
  m.bits = 8 * double(planned_weight_bytes(o.model, context.checkpoint())) / m.parameters;
  const std::vector<int32_t> prompt = random_ids(kPrompt, config.vocab, o.model.seed);
  {
    GenerationSession session(context, 1, kPrompt + n_new);
    for (int64_t i = 0; i < o.warmup && !interrupted(); ++i) session.generate(prompt, n_new);
    for (int64_t i = 0; i < runs; ++i) {
      context.progress().show(fmt::format("targets: run {}/{}", i + 1, runs));
      const Generation g = session.generate(prompt, n_new);
      if (g.interrupted) break;
      if (const auto rate = g.decode_tokens_per_second()) m.tokens_per_second.push_back(*rate);
      m.first_token_ns.push_back(g.first_token_ns), m.answer_ns.push_back(g.total_ns);
    }
    for (const int64_t bytes : session.loaded().backend->memory().now)
      m.memory_bytes += double(bytes);
    m.device = session.loaded().backend->name() == "cpu" ? "cpu" : "gpu";
  }
  for (size_t i = 1; i < kTargetBatches.size() && !interrupted(); ++i) {
    context.progress().show(fmt::format("targets: batch {}", kTargetBatches[i]));
    LoadedModel& loaded = context.model(kTargetBatches[i], n_new);
    Session session(loaded.model, session_options(o.model, kTargetBatches[i], n_new));
    CaseSettings settings;
    settings.phase = Phase::kDecode, settings.n_tokens = n_new, settings.seed = o.model.seed;
    settings.runs = o.quick ? 1 : std::min<int64_t>(o.runs, 3), settings.warmup = o.warmup;
    if (const auto r = measure_case(session, loaded.model, settings))
      m.batch_tokens_per_second[i] = r->tokens_per_second.median;
  }
  m.batch_tokens_per_second[0] = median_of(m.tokens_per_second);
  return m;
}

/// The embedding of a model with a head of its own is not read as a whole.
ModelCeilings ceilings_of(SuiteContext& context) {
  const ModelConfig& config = context.checkpoint().config();
  const double parameters = double(config.parameters());
  const double bytes = double(planned_weight_bytes(context.options().model, context.checkpoint()));
  const double table = double(config.vocab) * double(config.dim);
  const Ceilings& roofline = context.roofline();
  ModelCeilings c;
  c.bytes_per_second = roofline.dram_read.per_second;
  for (const Probe* probe :
       {&roofline.fp32_fma, &roofline.bf16, &roofline.int8, &roofline.int8_dot})
    c.ops_per_second = std::max(c.ops_per_second, probe->per_second);
  c.weight_bytes = config.tied_embeddings ? bytes : bytes * (1 - table / parameters);
  c.ops_per_token = 2 * (parameters - table);
  return c;
}

/// Every row of the model table: could this machine reach it with a model of that size?
OrderedJson reachable_rows(const ModelCeilings& machine) {
  OrderedJson rows = OrderedJson::array();
  for (const ModelTarget& row : model_targets()) {
    ModelCeilings c = machine;
    c.weight_bytes = row.parameters * row.bits / 8, c.ops_per_token = 2 * row.parameters;
    const double ceiling = c.tokens_per_second(1);
    rows.push_back(
        {{"model", row.name},
         {"target_tokens_per_second", {row.tokens_per_second[0], row.tokens_per_second[1]}},
         {"ceiling_tokens_per_second", ceiling},
         {"target_percent_of_ceiling",
          {100 * row.tokens_per_second[0] / ceiling, 100 * row.tokens_per_second[1] / ceiling}},
         {"reachable", row.tokens_per_second[0] <= ceiling}});
  }
  return rows;
}

SuiteResult run(SuiteContext& context) {
  const TargetsMeasured m = measure(context);
  const ModelCeilings ceilings = ceilings_of(context);
  SuiteResult result;
  result.interrupted = interrupted();
  result.figures = {measured("decode_tokens_per_second", "tokens/s", m.tokens_per_second),
                    measured("first_token_latency", "ns", m.first_token_ns),
                    measured("answer_time", "ns", m.answer_ns),
                    measured("memory", "bytes", {m.memory_bytes}),
                    measured("decode_ceiling", "tokens/s", {ceilings.tokens_per_second(1)})};
  for (size_t i = 1; i < kTargetBatches.size(); ++i)
    if (const auto& speed = m.batch_tokens_per_second[i])
      result.figures.push_back(
          measured(fmt::format("decode_batch_{}_tokens_per_second", kTargetBatches[i]), "tokens/s",
                   {*speed}));
  result.criteria = judge_targets(m, ceilings);
  const TargetClass of = class_of(m.parameters, m.bits);
  result.details = {
      {"judged_as", of.why_not.empty() ? OrderedJson(of.nearest->name) : OrderedJson(nullptr)},
      {"size_class", of.why_not.empty() ? std::string(of.nearest->name) : of.why_not},
      {"not_judged", "power: `qwench bench --energy` measures it"},
      {"parameters", context.checkpoint().config().parameters()},
      {"weight_bytes_read_a_token", ceilings.weight_bytes},
      {"read_bytes_per_second", ceilings.bytes_per_second},
      {"ops_per_second", ceilings.ops_per_second},
      {"tokens", "random ids of a fixed seed"},
      {"models", reachable_rows(ceilings)}};
  if (ceilings.weight_bytes < double(host().l3_bytes))
    result.details["cache"] =
        "the weights fit into the last-level cache: memory bandwidth is no ceiling for them";
  return result;
}

SuiteCost cost(const SuiteOptions& o, const ModelConfig&) {
  const int64_t n_new = o.generated(32, 8), runs = o.quick ? 2 : o.runs;
  SuiteCost cost;
  cost.n_seq = kTargetBatches.back(), cost.capacity = kPrompt + n_new;
  cost.prefill_tokens = runs * kPrompt;
  cost.decode_steps = (runs + 3 * 4) * n_new, cost.seconds = 1;
  return cost;
}

}  // namespace

Suite targets_suite() {
  return {
      "targets",
      "hardware,comprehensive,automated",
      "the guides' targets: absolute, and as a part of what this machine was measured to allow",
      "Answers to a prompt of 64 random tokens, --runs times, and decode steps of 4, 8 and 16 "
      "sequences are compared with the targets for the model's size class and precision (`not "
      "applicable` where the guides have no such class) and for the use cases. The ceiling of "
      "decode is measured read bandwidth over the weights' bytes, of a prompt the measured peak of "
      "arithmetic. Passes row by row; a missed target beyond the ceiling is `unreachable here`.",
      run,
      cost};
}

}  // namespace qwench::bench
