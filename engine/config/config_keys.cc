// Source of the keys: transformers' Qwen2Config, Qwen3Config and PreTrainedConfig, and what other programs
// and families write into the same file.
#include "engine/config/config_keys.h"

#include <algorithm>
#include <string_view>

#include "engine/base/check.h"
#include "engine/config/config.h"

namespace qwench {
namespace {

/// Read here or elsewhere.
constexpr std::string_view kRead[] = {"attention_bias",
                                      "dtype",
                                      "dual_chunk_attention_config",
                                      "eos_token_id",
                                      "head_dim",
                                      "hidden_act",
                                      "hidden_size",
                                      "intermediate_size",
                                      "layer_types",
                                      "max_window_layers",
                                      "max_position_embeddings",
                                      "model_type",
                                      "num_attention_heads",
                                      "num_hidden_layers",
                                      "num_key_value_heads",
                                      "parameters",
                                      "partial_rotary_factor",
                                      "original_max_position_embeddings",
                                      "quantization",
                                      "quantization_config",
                                      "rms_norm_eps",
                                      "rope_parameters",
                                      "rope_scaling",
                                      "rope_theta",
                                      "sliding_window",
                                      "text_config",
                                      "tie_word_embeddings",
                                      "torch_dtype",
                                      "use_sliding_window",
                                      "vocab_size"};

/// Say nothing about inference: training, Python, book-keeping.
constexpr std::string_view kHarmless[] = {"_attn_implementation",
                                          "_attn_implementation_autoset",
                                          "_name_or_path",
                                          "add_cross_attention",
                                          "architectures",
                                          "attention_dropout",
                                          "attn_implementation",
                                          "auto_map",
                                          "bos_token_id",
                                          "chunk_size_feed_forward",
                                          "classifier_dropout",
                                          "cross_attention_hidden_size",
                                          "decoder_start_token_id",
                                          "finetuning_task",
                                          "id2label",
                                          "initializer_range",
                                          "is_decoder",
                                          "is_encoder_decoder",
                                          "keys_to_ignore_at_inference",
                                          "label2id",
                                          "name_or_path",
                                          "num_labels",
                                          "output_attentions",
                                          "output_hidden_states",
                                          "pad_token_id",
                                          "prefix",
                                          "pretraining_tp",
                                          "problem_type",
                                          "pruned_heads",
                                          "return_dict",
                                          "seq_length",
                                          "sep_token_id",
                                          "task_specific_params",
                                          "tf_legacy_loss",
                                          "tie_encoder_decoder",
                                          "tokenizer_class",
                                          "torchscript",
                                          "transformers_version",
                                          "unk_token_id",
                                          "unsloth_fixed",
                                          "unsloth_version",
                                          "use_bfloat16",
                                          "use_cache"};

/// Change the numbers where some family or program follows them, unless they have this value.
constexpr double kNone = -1;  // whatever they say
struct Neutral {
  std::string_view key;
  double value;  // of a flag 0 or 1
};
constexpr Neutral kNeutral[] = {{"attention_multiplier", kNone},
                                {"attn_logit_softcapping", 0},
                                {"embedding_multiplier", 1},
                                {"final_logit_softcapping", 0},
                                {"is_causal", 1},
                                {"logit_scale", 1},
                                {"logits_scaling", 1},
                                {"n_routed_experts", 0},
                                {"num_experts", 0},
                                {"num_local_experts", 0},
                                {"query_pre_attn_scalar", kNone},
                                {"residual_multiplier", 1},
                                {"use_bidirectional_attention", 0},
                                {"use_mrope", 0}};

template <class List>
bool lists(const List& list, std::string_view key) {
  return std::find(std::begin(list), std::end(list), key) != std::end(list);
}

void check_neutral(const Neutral& neutral, const Json& value, const std::string& where) {
  if (value.is_null()) return;
  const bool flag = value.is_boolean();
  if (neutral.value != kNone && (flag || value.is_number()) &&
      (flag ? double(value.get<bool>()) : value.get<double>()) == neutral.value)
    return;
  const std::string allowed = neutral.value == kNone ? "nothing"
                              : flag                 ? (neutral.value != 0 ? "true" : "false")
                                                     : fmt::format("{} or nothing", neutral.value);
  fail("{}: expected {}, got {}, which is not supported ({})", neutral.key, allowed,
       describe(value), where);
}

void check_layer_types(const Json& types, int64_t n_layers, const std::string& where) {
  if (!types.is_array())
    fail("layer_types: expected an array, got {} ({})", describe(types), where);
  if (int64_t(types.size()) != n_layers)
    fail("layer_types: expected one for each of {} layers (num_hidden_layers), got {} ({})",
         n_layers, describe(types), where);
  for (const Json& type : types)
    if (type != "full_attention")
      fail("layer_types: expected only 'full_attention', got {} ({})", describe(type), where);
}

/// The window slides in the layers from max_window_layers on, unless layer_types says which those are.
void check_window(const Json& json, const ModelConfig& config, const std::string& where) {
  if (has(json, "layer_types"))
    return check_layer_types(json.at("layer_types"), config.n_layers, where);
  const bool absent = !json.contains("sliding_window");  // its default is 4096, null is none
  if (!read_bool(json, "use_sliding_window", false, where)) return;
  if (!absent && json.at("sliding_window").is_null()) return;
  const int64_t window = absent ? 4096 : read_int(json, "sliding_window", 0, INT64_MAX, where);
  const int64_t first = has(json, "max_window_layers")
                            ? read_int(json, "max_window_layers", 0, INT64_MAX, where)
                            : 28;
  if (first < config.n_layers && window < config.max_positions)
    fail(
        "use_sliding_window: expected false, or a window in no layer, got one of {} in {} of {} "
        "layers; sliding-window attention is not supported ({})",
        window, config.n_layers - first, config.n_layers, where);
}

}  // namespace

std::vector<std::string> check_config_keys(const Json& json, const ModelConfig& config,
                                           const std::string& where) {
  if (has(json, "hidden_act")) {
    const std::string act = read_string(json, "hidden_act", where);
    if (act != "silu" && act != "swish")  // two names of one function
      fail("hidden_act: expected 'silu', got {} ({})", in_quotes(act), where);
  }
  check_window(json, config, where);
  // transformers' Qwen3 with this flag has biases on q, k, v and o; no released checkpoint sets it.
  if (!config.qkv_bias && read_bool(json, "attention_bias", false, where))
    fail("attention_bias: true is not supported for {} ({})", config.model_type, where);
  std::vector<std::string> unknown;
  for (const auto& [key, value] : json.items()) {
    const std::string_view name = key;
    const auto neutral = std::find_if(std::begin(kNeutral), std::end(kNeutral),
                                      [&](const Neutral& n) { return n.key == name; });
    if (neutral != std::end(kNeutral))
      check_neutral(*neutral, value, where);
    else if (!lists(kRead, name) && !lists(kHarmless, name))
      unknown.push_back(key);
  }
  return unknown;
}

}  // namespace qwench
