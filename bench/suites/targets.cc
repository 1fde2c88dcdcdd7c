// The guides' targets as rows: the measured value, and what part of the machine's ceiling a target asks for.
#include <algorithm>

#include "bench/suites/generation.h"
#include "bench/suites/registry.h"
#include "bench/suites/result.h"
#include "bench/suites/target_table.h"
#include "bench/support/interrupt.h"
#include "bench/support/table.h"
#include "bench/sweep/case.h"
#include "cpu/cpu_info.h"

namespace qwench::bench {

namespace {

constexpr int64_t kPrompt = 64;
constexpr std::array<int64_t, 4> kBatches = {1, 4, 8, 16};

/// What targets are compared with.
struct Measurement {
  std::vector<double> tokens_per_second, first_token_ns, answer_ns;
  std::array<std::optional<double>, 4> batch_tokens_per_second;  // as kBatches
  double memory_bytes = 0;
  std::string device;
};

Measurement measure(SuiteContext& context) {
  const SuiteOptions& o = context.options();
  const int64_t n_new = o.generated(32, 8), runs = o.quick ? 2 : o.runs;
  Measurement m;
  const std::vector<int32_t> prompt =
      random_ids(kPrompt, context.checkpoint().config().vocab, o.model.seed);
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
  for (size_t i = 1; i < kBatches.size() && !interrupted(); ++i) {
    context.progress().show(fmt::format("targets: batch {}", kBatches[i]));
    LoadedModel& loaded = context.model(kBatches[i], n_new);
    Session session(loaded.model, session_options(o.model, kBatches[i], n_new));
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
Ceilings ceilings_of(SuiteContext& context) {
  const ModelConfig& config = context.checkpoint().config();
  const double parameters = double(config.parameters());
  const double bytes = double(planned_weight_bytes(context.options().model, context.checkpoint()));
  const double table = double(config.vocab) * double(config.dim);
  const cpu::Roofline& roofline = context.roofline();
  Ceilings c;
  c.bytes_per_second = roofline.dram_read.per_second;
  for (const cpu::Probe* probe :
       {&roofline.fp32_fma, &roofline.bf16, &roofline.int8, &roofline.int8_vnni})
    c.ops_per_second = std::max(c.ops_per_second, probe->per_second);
  c.weight_bytes = config.tied_embeddings ? bytes : bytes * (1 - table / parameters);
  c.ops_per_token = 2 * (parameters - table);
  return c;
}

/// Target and ceiling to an outcome: what no implementation could reach here is not a failure.
Criterion with_ceiling(Criterion c, double percent) {
  if (percent > 0) c.ceiling_percent = percent;
  if (percent > 100 && c.outcome != Outcome::kPass) c.outcome = Outcome::kUnreachable;
  return c;
}

struct Judge {
  const Measurement& m;
  const Ceilings& ceilings;

  Criterion speed(std::string name, double least, size_t batch, std::string note) const {
    const double ceiling = ceilings.tokens_per_second(double(kBatches[batch]));
    return with_ceiling(
        judge({std::move(name), Bound::kAtLeast, least, fmt::format("{} tokens/s", least),
               m.batch_tokens_per_second[batch], std::move(note)}),
        ceiling > 0 ? 100 * least / ceiling : 0);
  }
  Criterion first_token(std::string name, double most_ms, std::string note) const {
    return with_ceiling(
        judge({std::move(name), Bound::kAtMost, most_ms * 1e6, fmt::format("{} ms", most_ms),
               median_of(m.first_token_ns), std::move(note), "ns"}),
        100 * ceilings.first_token_ns(double(kPrompt)) / (most_ms * 1e6));
  }
  Criterion memory(std::string name, double most_gb, std::string note) const {
    return with_ceiling(
        judge({std::move(name), Bound::kAtMost, most_gb * 1e9, fmt::format("{} GB", most_gb),
               m.memory_bytes, std::move(note), "bytes"}),
        100 * ceilings.weight_bytes / (most_gb * 1e9));
  }
};

void judge_model_row(const Judge& judge_by, const ModelTarget& row, SuiteResult& to) {
  const std::string name(row.name);
  for (size_t i = 0; i < kBatches.size(); ++i) {
    if (row.batch_least[i] <= 0) continue;
    const std::string range = i == 0
                                  ? fmt::format("the guide gives {} to {}",
                                                row.tokens_per_second[0], row.tokens_per_second[1])
                                  : "";
    to.criteria.push_back(judge_by.speed(fmt::format("{}: batch {}", name, kBatches[i]),
                                         row.batch_least[i], i, range));
  }
  to.criteria.push_back(judge_by.first_token(name + ": first token", row.first_token_ms[1],
                                             fmt::format("a prompt of {} tokens", kPrompt)));
  to.criteria.push_back(judge_by.memory(name + ": memory", row.memory_gb[1], ""));
  Criterion power;
  power.name = name + ": power";
  power.expected = fmt::format("<= {} W", row.power_w[1]);
  power.note = "power is not read by this suite";
  to.criteria.push_back(std::move(power));
}

Criterion judge_use_row(const Judge& judge_by, const UseTarget& row, int64_t n_new) {
  const std::string name = fmt::format("{} ({})", row.name, row.device);
  Criterion c;
  switch (row.metric) {
    case TargetMetric::kTokensPerSecond:
      c = judge_by.speed(name + ": speed", row.limit, 0, "");
      break;
    case TargetMetric::kFirstToken:
      c = judge_by.first_token(name + ": first token", row.limit, "");
      break;
    case TargetMetric::kMemory: c = judge_by.memory(name + ": memory", row.limit, ""); break;
    case TargetMetric::kAnswer: {
      const Ceilings& ceilings = judge_by.ceilings;
      const double least = ceilings.first_token_ns(double(kPrompt)) +
                           double(n_new - 1) * 1e9 / ceilings.tokens_per_second(1);
      c = with_ceiling(judge({name + ": answer", Bound::kBelow, row.limit * 1e9,
                              fmt::format("{} s", row.limit), median_of(judge_by.m.answer_ns),
                              fmt::format("{} tokens after a prompt of {}", n_new, kPrompt), "ns"}),
                       100 * least / (row.limit * 1e9));
    }
  }
  if (row.device != "any" && row.device != judge_by.m.device &&
      c.outcome != Outcome::kUnreachable) {
    c.outcome = Outcome::kUnknown;
    c.note = fmt::format("a target for a {}, this is a {}", row.device, judge_by.m.device);
  }
  return c;
}

/// Every row of the model table: could this machine reach it with a model of that size?
OrderedJson reachable_rows(const Ceilings& machine) {
  OrderedJson rows = OrderedJson::array();
  for (const ModelTarget& row : model_targets()) {
    Ceilings c = machine;
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
  const SuiteOptions& o = context.options();
  const Measurement m = measure(context);
  const Ceilings ceilings = ceilings_of(context);
  const ModelConfig& config = context.checkpoint().config();
  SuiteResult result;
  result.interrupted = interrupted();
  result.figures = {measured("decode_tokens_per_second", "tokens/s", m.tokens_per_second),
                    measured("first_token_latency", "ns", m.first_token_ns),
                    measured("answer_time", "ns", m.answer_ns),
                    measured("memory", "bytes", {m.memory_bytes}),
                    measured("decode_ceiling", "tokens/s", {ceilings.tokens_per_second(1)})};
  for (size_t i = 1; i < kBatches.size(); ++i)
    if (const auto& speed = m.batch_tokens_per_second[i])
      result.figures.push_back(measured(
          fmt::format("decode_batch_{}_tokens_per_second", kBatches[i]), "tokens/s", {*speed}));
  const double parameters = double(config.parameters());
  const double bytes = double(planned_weight_bytes(o.model, context.checkpoint()));
  const ModelTarget& row = nearest_target(parameters, 8 * bytes / parameters);
  const Judge judge_by{m, ceilings};
  judge_model_row(judge_by, row, result);
  for (const UseTarget& use : use_targets())
    result.criteria.push_back(judge_use_row(judge_by, use, o.generated(32, 8)));
  result.details = {{"judged_as", row.name},
                    {"parameters", config.parameters()},
                    {"weight_bytes_read_a_token", ceilings.weight_bytes},
                    {"read_bytes_per_second", ceilings.bytes_per_second},
                    {"ops_per_second", ceilings.ops_per_second},
                    {"tokens", "random ids of a fixed seed"},
                    {"models", reachable_rows(ceilings)}};
  if (parameters < 0.5 * row.parameters)
    result.details["note"] = fmt::format(
        "this model has {:.2f} % of the parameters that the row {} is about: passing says little",
        100 * parameters / row.parameters, row.name);
  if (ceilings.weight_bytes < double(cpu::cpu_info().l3_bytes))
    result.details["cache"] =
        "the weights fit into the last-level cache: memory bandwidth is no ceiling for them";
  return result;
}

SuiteCost cost(const SuiteOptions& o, const ModelConfig&) {
  const int64_t n_new = o.generated(32, 8), runs = o.quick ? 2 : o.runs;
  SuiteCost cost;
  cost.n_seq = kBatches.back(), cost.capacity = kPrompt + n_new;
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
      "sequences are compared with the targets for the nearest model size and precision and for "
      "the use cases. The ceiling of decode is measured read bandwidth over the weights' bytes, of "
      "a prompt the measured peak of arithmetic. Passes row by row; a missed target beyond the "
      "ceiling is `unreachable here`.",
      run,
      cost};
}

}  // namespace qwench::bench
