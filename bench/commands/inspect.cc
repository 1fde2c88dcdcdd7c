// `qwench inspect`: what a checkpoint holds and what running it would take, without reading
// weights.
#include <CLI/CLI.hpp>

#include "bench/commands.h"
#include "bench/model/default_model.h"
#include "bench/model/model_options.h"
#include "bench/support/exit_code.h"
#include "bench/support/output.h"
#include "bench/support/program.h"
#include "bench/support/table.h"
#include "engine/base/host_memory.h"

namespace qwench::bench {

namespace {

struct InspectOptions {
  ModelOptions model;
  bool json = false;
};

/// How the file holds a tensor.
std::string stored_as(const TensorInfo& t) {
  return t.stored.empty() ? std::string(name_of(t.dtype)) : t.stored;
}

/// "Q4_K as f32, Q6_K as f32": what is held in another form than it is stored in, "" when nothing is.
std::string decoded_types(const Checkpoint& checkpoint) {
  std::string list;
  for (const TensorInfo& t : checkpoint.tensors()) {
    const std::string one = fmt::format("{} as {}", t.stored, name_of(t.dtype));
    if (t.stored.empty() || list.find(one) != list.npos) continue;
    list += fmt::format("{}{}", list.empty() ? "" : ", ", one);
  }
  return list;
}

int64_t counted_parameters(const Checkpoint& checkpoint) {
  int64_t n = 0;
  for (const TensorInfo& t : checkpoint.tensors()) n += t.shape.count();
  return n;
}

OrderedJson config_json(const ModelConfig& c) {
  OrderedJson rope = {{"type", c.rope.type == RopeType::kYarn ? "yarn" : "default"},
                      {"theta", c.rope.theta}};
  if (c.rope.type == RopeType::kYarn) {
    rope["factor"] = c.rope.factor;
    rope["original_positions"] = c.rope.original_positions;
    rope["attention_factor"] = c.rope.attention_factor;
  }
  return {{"model_type", c.model_type},
          {"dim", c.dim},
          {"n_layers", c.n_layers},
          {"n_heads", c.n_heads},
          {"n_kv_heads", c.n_kv_heads},
          {"head_dim", c.head_dim},
          {"ffn_dim", c.ffn_dim},
          {"vocab", c.vocab},
          {"max_positions", c.max_positions},
          {"norm_eps", c.norm_eps},
          {"qkv_bias", c.qkv_bias},
          {"qk_norm", c.qk_norm},
          {"tied_embeddings", c.tied_embeddings},
          {"rope", rope},
          {"stored_dtype", name_of(c.stored_dtype)},
          {"eos_ids", c.eos_ids}};
}

OrderedJson tensors_json(const Checkpoint& checkpoint, const LoadOptions& load) {
  OrderedJson list = OrderedJson::array();
  for (const TensorInfo& t : checkpoint.tensors()) {
    OrderedJson shape = OrderedJson::array();
    for (int i = 0; i < t.shape.rank; ++i) shape.push_back(t.shape[i]);
    list.push_back({{"name", t.name},
                    {"stored", stored_as(t)},
                    {"dtype", name_of(held_dtype(t, load))},
                    {"shape", shape},
                    {"bytes", held_bytes(t, load)}});
  }
  return list;
}

std::string config_text(const OrderedJson& config) {
  Table table({"<config", "<value"});
  for (const auto& [key, value] : config.items())
    table.add({key, value.is_string() ? value.get<std::string>() : value.dump()});
  return table.to_string();
}

std::string tensors_text(const Checkpoint& checkpoint, const LoadOptions& load) {
  Table table({"<tensor", "<stored", "<held", "<shape", "bytes"});
  for (const TensorInfo& t : checkpoint.tensors())
    table.add({t.name, stored_as(t), std::string(name_of(held_dtype(t, load))), to_string(t.shape),
               std::to_string(held_bytes(t, load))});
  return table.to_string();
}

int run_inspect(InspectOptions o) {
  use_default_model(o.model);
  const std::unique_ptr<Checkpoint> checkpoint = open_model(o.model);
  const ModelConfig& config = checkpoint->config();
  const DType dtype = weight_dtype(o.model, config);
  const LoadOptions load = load_options(o.model);
  int64_t capacity = o.model.capacity;
  if (!capacity) capacity = config.max_positions > 0 ? config.max_positions : 4096;
  const MemoryPlan plan = plan_memory(config, planned_weight_bytes(o.model, *checkpoint),
                                      session_options(o.model, 1, capacity));
  const int64_t available = available_memory_bytes(), counted = counted_parameters(*checkpoint);
  const std::string decoded = o.model.dtype.empty() ? decoded_types(*checkpoint) : "";
  if (o.json) {
    print(to_text({{"model", model_name(o.model.model)},
                   {"config", config_json(config)},
                   {"parameters", {{"formula", config.parameters()}, {"counted", counted}}},
                   {"memory_plan",
                    {{"capacity", capacity},
                     {"dtype", name_of(dtype)},
                     {"kv_dtype", kv_name(o.model, config)},
                     {"kv_dtypes", kv_dtypes(config, kv_type(o.model))},
                     {"weights_bytes", plan.weights},
                     {"kv_cache_bytes", plan.kv_cache},
                     {"activations_bytes", plan.activations},
                     {"total_bytes", plan.total()},
                     {"available_bytes", available},
                     {"fits", plan.total() <= available}}},
                   {"random_weights", checkpoint->is_random()},
                   {"notes", checkpoint->notes()},
                   {"tensors", tensors_json(*checkpoint, load)}}));
    check_complete(*checkpoint);
    return kExitOk;
  }
  print(fmt::format(
      "{}{}\n\n{}\nparameters: {} by the formula, {} counted in {} tensors\n\n{}\n"
      "memory for {} tokens of context, {} weights, {} keys and values:\n"
      "  weights {}{}, kv_cache {}, activations {}: {} of {} available{}\n",
      o.model.model, checkpoint->is_random() ? " (shape card: random weights)" : "",
      config_text(config_json(config)), config.parameters(), counted, checkpoint->tensors().size(),
      tensors_text(*checkpoint, load), capacity, name_of(dtype),
      kv_text(kv_shapes(config, kv_type(o.model))), format_bytes(plan.weights),
      decoded.empty() ? "" : fmt::format(" ({})", decoded), format_bytes(plan.kv_cache),
      format_bytes(plan.activations), format_bytes(plan.total()), format_bytes(available),
      plan.total() <= available ? "" : ": DOES NOT FIT, choose a smaller --ctx"));
  check_complete(*checkpoint);  // it can be looked at, but not run
  return kExitOk;
}

}  // namespace

void add_inspect_command(CLI::App& program, Action& chosen) {
  auto o = std::make_shared<InspectOptions>();
  CLI::App* command =
      program.add_subcommand("inspect", "Show config, tensors and memory plan of a model");
  add_model_options(*command, o->model);
  command->add_flag("--json", o->json, "One JSON document on stdout");
  command->callback([o, &chosen] { chosen = [o] { return run_inspect(*o); }; });
}

}  // namespace qwench::bench
