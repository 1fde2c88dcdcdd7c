// Which released models this machine can serve: predicted from the timed kernels, checked against the
// loaded model where that one is large enough to read from memory.
#include "bench/machine/prediction.h"

#include <algorithm>

#include "bench/machine/memory_levels.h"
#include "bench/suites/criteria.h"
#include "bench/suites/machine_suites.h"
#include "bench/support/interrupt.h"
#include "bench/sweep/case.h"

namespace qwench::bench {

namespace {

constexpr double kTtftNs = 500e6, kItemsPerMinute = 100, kMemory = 16e9;
constexpr int64_t kItemPrompt = 128, kItemTokens = 16;  // an item of a batch

double items_per_minute(const Prediction& p) { return 60 / p.seconds(kItemPrompt, kItemTokens); }

OrderedJson verdicts(const Prediction& p, int64_t available) {
  const double memory = std::min(kMemory, double(available));
  return {{"interactive", name_of(suitability_for(kTtftNs / p.ttft_ns))},
          {"batch", name_of(suitability_for(items_per_minute(p) / kItemsPerMinute))},
          {"memory", name_of(suitability_for(memory / double(p.memory_bytes)))},
          {"power", nullptr}};
}

bool every_use(const OrderedJson& verdicts, std::string_view verdict) {
  for (const char* use : {"interactive", "batch", "memory"})
    if (verdicts[use] != verdict) return false;
  return true;
}

void machine_figures(SuiteFindings& found, const MachineSpeed& machine) {
  for (const KernelSpeed& k : machine.kernels) {
    const std::string dtype(name_of(k.dtype));
    found.measured("decode_read_" + dtype, "B/s", k.read.values);
    found.measured("prefill_" + dtype, "op/s", k.arithmetic.values);
    const std::string share = "decode_efficiency_" + dtype;
    std::vector<double> percent;
    for (double rate : k.read.values) percent.push_back(100 * rate / machine.bandwidth());
    found.measured(share, "percent", percent);
  }
}

/// Models for which a use is achievable.
void count(SuiteFindings& found, const OrderedJson& rows, const std::string& use,
           const std::string& expected) {
  std::vector<std::string> models;
  for (const OrderedJson& row : rows)
    if (row.at("verdict").at(use) == name_of(Suitability::kAchievable)) {
      const std::string model = row.at("model");
      if (std::find(models.begin(), models.end(), model) == models.end()) models.push_back(model);
    }
  found.measured(use + "_models", "count", {double(models.size())});
  found.at_least(use + "_models", expected, 1);
}

/// The prediction for the loaded model as a part of what it does.
void check_prediction(SuiteContext& context, SuiteFindings& found, const MachineSpeed& machine) {
  const SuiteOptions& o = context.options();
  const char *name = "predicted_of_measured", *unit = "percent";
  const int64_t bytes = planned_weight_bytes(o.model, context.checkpoint());
  if (level_of(bytes, machine.threads) != "dram")
    return found.missing(name, unit,
                         "the loaded model stays in a cache; the prediction is of larger");
  const DType dtype = weight_dtype(o.model, context.checkpoint().config());
  if (std::find(std::begin(kTunedDTypes), std::end(kTunedDTypes), dtype) == std::end(kTunedDTypes))
    return found.missing(name, unit, fmt::format("no prediction is made for {}", name_of(dtype)));
  const int64_t n_tokens = o.quick ? 4 : 16;
  LoadedModel& loaded = context.model(1, n_tokens + 1);
  Session session(loaded.model, session_options(o.model, 1, n_tokens + 1));
  CaseSettings settings;
  settings.phase = Phase::kDecode, settings.n_tokens = n_tokens, settings.seed = o.model.seed;
  settings.runs = o.quick ? 1 : o.runs, settings.warmup = 1;
  const std::optional<CaseResult> result = measure_case(session, loaded.model, settings);
  if (!result) return found.missing(name, unit, "interrupted");
  const Prediction p = predict(context.checkpoint(), dtype, machine,
                               {1, n_tokens, std::string(name_of(kv_type(o.model).dtype))});
  std::vector<double> percent;
  for (double speed : result->tokens_per_second.values)
    percent.push_back(100 * p.tokens_per_second / speed);
  found.measured(name, unit, percent);
}

/// The largest model, and of it the widest type, that every use is achievable with.
OrderedJson best(const OrderedJson& rows) {
  OrderedJson chosen = nullptr;
  for (const OrderedJson& row : rows) {
    if (!every_use(row["verdict"], name_of(Suitability::kAchievable))) continue;
    const bool larger =
        chosen.is_null() || row["parameters"] > chosen["parameters"] ||
        (row["parameters"] == chosen["parameters"] && row["memory_bytes"] > chosen["memory_bytes"]);
    if (larger) chosen = row;
  }
  return chosen;
}

}  // namespace

void judge_suitability(SuiteFindings& found, const OrderedJson& rows) {
  count(found, rows, "interactive", ">= 1 model with a first token in < 500 ms");
  count(found, rows, "batch", ">= 1 model with > 100 items/min");
  count(found, rows, "memory", ">= 1 model in < 16 GB");
}

SuiteResult suitability(SuiteContext& context) {
  const SuiteOptions& o = context.options();
  SuiteFindings found;
  context.progress().show("timing the kernels of every weight type");
  const MachineSpeed machine = measure_kernels(o.model, threads_of(context),
                                               context.roofline().dram_read.per_second, o.quick);
  machine_figures(found, machine);
  ConversationSizes conversation;
  conversation.kv_dtype = std::string(name_of(kv_type(o.model).dtype));
  OrderedJson rows = OrderedJson::array();
  for (const Prediction& p : predict_all(machine, conversation)) {
    OrderedJson row = to_json(p);
    row["predicted_items_per_minute"] = items_per_minute(p);
    row["verdict"] = verdicts(p, machine.available_bytes);
    rows.push_back(std::move(row));
  }
  judge_suitability(found, rows);
  found.missing("power", "W", "predictions know no power; `qwench bench --energy` measures it");
  if (!interrupted()) check_prediction(context, found, machine);
  found.result.details["conversation"] = {{"prompt_tokens", conversation.prompt},
                                          {"context", conversation.context},
                                          {"item_prompt_tokens", kItemPrompt},
                                          {"item_tokens", kItemTokens}};
  found.result.details["recommended"] = best(rows);
  found.result.details["models"] = std::move(rows);
  found.result.interrupted = interrupted();
  return std::move(found.result);
}

}  // namespace qwench::bench
