// Source of the names: src/llama-arch.cpp of llama.cpp.
#include "engine/checkpoint/gguf_arch_keys.h"

#include <algorithm>

#include "engine/base/check.h"
#include "engine/base/json.h"

namespace qwench {
namespace {

/// Read by gguf_config.cc, or of no effect on a dense Qwen2 or Qwen3.
constexpr std::string_view kKnown[] = {"attention.causal",
                                       "attention.head_count",
                                       "attention.head_count_kv",
                                       "attention.key_length",
                                       "attention.layer_norm_epsilon",
                                       "attention.layer_norm_rms_epsilon",
                                       "attention.sliding_window",
                                       "attention.value_length",
                                       "block_count",
                                       "context_length",
                                       "embedding_length",
                                       "expert_count",
                                       "feed_forward_length",
                                       "pooling_type",
                                       "rope.dimension_count",
                                       "rope.freq_base",
                                       "rope.scale_linear",
                                       "rope.scaling.attn_factor",
                                       "rope.scaling.factor",
                                       "rope.scaling.finetuned",
                                       "rope.scaling.original_context_length",
                                       "rope.scaling.type",
                                       "rope.scaling.yarn_attn_factor",
                                       "rope.scaling.yarn_beta_fast",
                                       "rope.scaling.yarn_beta_slow",
                                       "rope.scaling.yarn_ext_factor",
                                       "rope.scaling.yarn_log_multiplier",
                                       "tensor_data_layout",
                                       "vocab_size"};

/// Change the numbers of some architecture unless they are 0 ("none") or this value.
struct Neutral {
  std::string_view key;
  double value;
};
constexpr Neutral kNeutral[] = {{"attention.clamp_kqv", 0},       {"attention.max_alibi_bias", 0},
                                {"attention.scale", 0},           {"attn_logit_softcapping", 0},
                                {"embedding_scale", 1},           {"expert_shared_count", 0},
                                {"expert_used_count", 0},         {"final_logit_softcapping", 0},
                                {"leading_dense_block_count", 0}, {"logit_scale", 1},
                                {"nextn_predict_layers", 0},      {"residual_scale", 1},
                                {"rope.scaling.alpha", 0}};

/// M-RoPE: sections of zero are none.
void refuse_sections(const GgufArchKeys& keys) {
  constexpr const char* kSections = "rope.dimension_sections";
  const GgufValue* value = keys.header.find(keys.name(kSections));
  if (!value) return;
  if (value->count > 4)
    fail("{}: expected 4 sections, got {}", keys.place(kSections), value->count);
  for (const int64_t section : keys.header.integers(keys.name(kSections), 0, INT32_MAX))
    if (section != 0)
      fail("{}: expected zeros, got {}; M-RoPE is not supported", keys.place(kSections), section);
}

}  // namespace

int64_t GgufArchKeys::layers_integer(std::string_view key, int64_t n_layers, int64_t min,
                                     int64_t max) const {
  const GgufValue* value = header.find(name(key));
  if (!value || value->kind != GgufKind::kArray) return integer(key, min, max);
  if (value->count != n_layers)
    fail("{}: expected one for each of {} layers (block_count), got {}", place(key), n_layers,
         value->count);
  const std::vector<int64_t> list = header.integers(name(key), min, max);
  for (size_t i = 1; i < list.size(); ++i)
    if (list[i] != list[0])
      fail("{}: expected the same for all layers, got {} in layer 0 and {} in layer {}", place(key),
           list[0], list[i], i);
  return list[0];
}

std::string GgufArchKeys::place(std::string_view key) const {
  const GgufValue* value = header.find(name(key));
  return value ? header.place(*value)
               : fmt::format("{}: key {}", header.where(), in_quotes(name(key)));
}

void refuse_gguf_keys(const GgufArchKeys& keys) {
  for (const Neutral& neutral : kNeutral) {
    const double value = keys.number_or(neutral.key, neutral.value, -1e30, 1e30);
    if (value != 0 && value != neutral.value)
      fail("{}: expected {} or no such key, got {}, which is not supported",
           keys.place(neutral.key), neutral.value, value);
  }
  refuse_sections(keys);
}

std::vector<std::string> unknown_gguf_keys(const GgufArchKeys& keys) {
  std::vector<std::string> unknown;
  for (const GgufValue& value : keys.header.values()) {
    if (value.key.rfind(keys.prefix, 0) != 0) continue;
    const std::string_view key = std::string_view(value.key).substr(keys.prefix.size());
    const bool known = std::find(std::begin(kKnown), std::end(kKnown), key) != std::end(kKnown) ||
                       key == "rope.dimension_sections" ||
                       std::any_of(std::begin(kNeutral), std::end(kNeutral),
                                   [&](const Neutral& neutral) { return neutral.key == key; });
    if (!known) unknown.push_back(value.key);
  }
  return unknown;
}

}  // namespace qwench
