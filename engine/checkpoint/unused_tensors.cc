// Source of the harmless names: what transformers, peft, trl and the quantisers leave beside the weights.
#include "engine/checkpoint/unused_tensors.h"

#include <cstdlib>

#include "engine/base/affix.h"
#include "engine/base/check.h"
#include "engine/base/json.h"
#include "engine/checkpoint/random.h"

namespace qwench {
namespace {

constexpr std::string_view kLayers = "model.layers.";

struct Harmless {
  std::string_view end, what;
};
constexpr Harmless kHarmless[] = {
    {".rotary_emb.inv_freq", "rotary frequencies, which follow from the configuration"},
    {".self_attn.bias", "buffers of an attention mask"},
    {".self_attn.masked_bias", "buffers of an attention mask"},
    {".attn.bias", "buffers of an attention mask"},
    {".attn.masked_bias", "buffers of an attention mask"},
    {".k_scale", "scales of quantised keys and values, which are not quantised here"},
    {".v_scale", "scales of quantised keys and values, which are not quantised here"},
    {".q_scale", "scales of quantised keys and values, which are not quantised here"},
    {".output_scale", "scales of quantised keys and values, which are not quantised here"},
    {".input_scale", "scales of rounded activations, which are not rounded here"},
    {".activation_scale", "scales of rounded activations, which are not rounded here"}};

/// The layer that a tensor is of; -1 for one outside the layers.
int64_t layer_of(std::string_view name) {
  if (!starts_with(name, kLayers)) return -1;
  const std::string digits(name.substr(kLayers.size(), 9));
  char* end = nullptr;
  const long layer = std::strtol(digits.c_str(), &end, 10);
  return end != digits.c_str() && *end == '.' ? layer : -1;
}

}  // namespace

std::string_view harmless_tensor(std::string_view name) {
  if (starts_with(name, "mtp.")) return "layers that predict several tokens at once";
  if (starts_with(name, "v_head.")) return "a value head of training";
  for (const Harmless& harmless : kHarmless)
    if (ends_with(name, harmless.end)) return harmless.what;
  return "";
}

UnusedTensors::UnusedTensors(const ModelConfig& config, std::string where)
    : config_(config), where_(std::move(where)) {
  for (TensorInfo& tensor : expected_tensors(config, DType::kF32))
    used_.insert(std::move(tensor.name));
  used_.insert("lm_head.weight");
}

bool UnusedTensors::uses(std::string_view name) const { return used_.count(name) > 0; }

void UnusedTensors::drop(const std::string& name, const std::string& stored,
                         const std::function<bool()>& is_zeros) {
  const std::string_view what = harmless_tensor(name);
  if (!what.empty()) {
    dropped_[std::string(what)].push_back(stored);
  } else if (ends_with(name, ".bias") && is_zeros()) {
    dropped_["biases of zeros"].push_back(stored);
  } else {
    if (refused_.empty()) hint_ = hint_for(name);
    refused_.push_back(stored);
  }
}

std::string UnusedTensors::hint_for(std::string_view name) const {
  if (layer_of(name) >= config_.n_layers)
    return fmt::format("the configuration says {} layers; correct it, or download the model again",
                       config_.n_layers);
  if (name.find("lora_") != name.npos || name.find(".base_layer.") != name.npos)
    return "an adapter is not applied; merge it into the weights (peft: merge_and_unload)";
  if (ends_with(name, ".bias"))
    return fmt::format("expected a bias of zeros, since {} has none at this module",
                       config_.model_type);
  if (starts_with(name, "score.") || starts_with(name, "classifier."))
    return "the model classifies text; it does not continue it";
  return fmt::format("{} has no such tensor; use the unmodified model", config_.model_type);
}

void UnusedTensors::finish(std::vector<std::string>& notes) const {
  if (!refused_.empty())
    fail(
        "{}: expected only tensors that a {} model of {} layers uses, got {}, which would be left "
        "out; {}",
        where_, config_.model_type, config_.n_layers, name_list(refused_), hint_);
  for (const auto& [what, names] : dropped_)
    notes.push_back(fmt::format("{}: not used: {} ({})", where_, what, name_list(names)));
}

}  // namespace qwench
