// Loading in two steps, so that nothing large is read before everything small is right.
#include "bench/accuracy/configured_model.h"

#include "bench/accuracy/injection.h"
#include "bench/model/identity.h"
#include "bench/support/program.h"
#include "bench/support/table.h"
#include "engine/base/checked.h"

namespace qwench::bench {

MemoryPlan OpenedModel::plan() const {
  const ModelConfig& config = checkpoint->config();
  return plan_memory(config, planned_weight_bytes(configuration.model, *checkpoint), session);
}

namespace {

OpenedModel open_unnamed(const Configuration& configuration, int64_t capacity, int64_t rows,
                         std::shared_ptr<cpu::Team> team) {
  OpenedModel opened;
  opened.configuration = configuration;
  opened.checkpoint = open_model(configuration.model);
  const ModelConfig& config = opened.checkpoint->config();
  if (configuration.inject.layer >= config.n_layers)
    fail_usage("inject.layer: expected 0 to {} (layers of {}), got {}", config.n_layers - 1,
               configuration.model.model, configuration.inject.layer);
  opened.backend = make_backend(configuration.model, configuration.model.threads, std::move(team));
  opened.session = session_options(configuration.model, 1, capacity);
  opened.session.prefill_chunk = std::min(opened.session.prefill_chunk, rows);
  opened.session.logit_rows = opened.session.prefill_chunk;
  return opened;
}

}  // namespace

OpenedModel open_configured(const Configuration& configuration, int64_t capacity, int64_t rows,
                            std::shared_ptr<cpu::Team> team) {
  return of_configuration(
      configuration, [&] { return open_unnamed(configuration, capacity, rows, std::move(team)); });
}

void require_memory_together(const std::vector<OpenedModel>& models, int64_t shared,
                             int64_t available) {
  int64_t total = shared;
  std::string each;
  for (const OpenedModel& model : models) {
    const int64_t bytes = model.plan().total();
    total = checked_add(total, bytes, "memory");
    each += fmt::format("{} {}, ", model.configuration.name, format_bytes(bytes));
  }
  if (total <= available) return;
  fail(
      "memory: {} needed for all configurations together ({}rows to compare {}), {} "
      "available; compare fewer at once, a smaller --window, or --dump the reference and run "
      "the candidate --against it",
      format_bytes(total), each, format_bytes(shared), format_bytes(available));
}

ConfiguredModel::ConfiguredModel(OpenedModel opened) : opened_(std::move(opened)) {
  const Configuration& c = opened_.configuration;
  of_configuration(c, [&] {
    loaded_ = load_model(c.model, *opened_.checkpoint, std::move(opened_.backend), opened_.session);
  });
  // First, so that a NaN is counted before --check-finite ends the run.
  loaded_.backend->observers.insert(loaded_.backend->observers.begin(), watch_.observer());
  if (c.inject.layer >= 0) loaded_.model.layer_hooks.push_back(noise_hook(c.inject, c.model.seed));
}

void ConfiguredModel::stop_watching() {
  loaded_.backend->observers.clear();
  if (opened_.configuration.model.check_finite)
    loaded_.backend->observers.push_back(require_finite);
}

OrderedJson ConfiguredModel::to_json() const {
  const ModelOptions& o = opened_.configuration.model;
  OrderedJson memory = OrderedJson::object();
  for (size_t i = 0; i < kMemoryKinds; ++i)
    memory[std::string(kMemoryKindNames[i])] = loaded_.backend->memory().peak[i];
  OrderedJson json = {{"configuration", without_home(opened_.configuration.text)},
                      {"model", model_name(o.model)},
                      {"dtype", name_of(weight_dtype(o, config()))},
                      {"kv_dtype", kv_name(o, config())},
                      {"backend", loaded_.backend->name()},
                      {"threads", loaded_.backend->threads()},
                      {"prefill_chunk", opened_.session.prefill_chunk},
                      {"kernel_policy", loaded_.backend->policy().to_string()},
                      {"injection", injection_json(opened_.configuration)},
                      {"check_finite", o.check_finite},
                      {"mmap", o.mmap}};
  if (identity_.is_null()) identity_ = identity_json(o, *opened_.checkpoint);
  json.update(identity_);
  json["memory"] = memory;
  return json;
}

}  // namespace qwench::bench
