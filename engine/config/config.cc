// config.json -> ModelConfig. A list where a number belongs is one number for each layer, and is that
// number where all are equal.
#include "engine/config/config.h"

#include <algorithm>
#include <cmath>
#include <string_view>

#include "engine/base/check.h"
#include "engine/config/config_keys.h"
#include "engine/config/family.h"
#include "engine/config/limits.h"

namespace qwench {
namespace {

const Family& read_family(const Json& json, const std::string& where) {
  const std::string type = read_string(json, "model_type", where);
  if (const Family* family = find_family(type)) return *family;
  fail(
      "model_type: expected {}, got {} ({}); mixture-of-experts, vision and hybrid families "
      "are not supported yet",
      kFamilies, in_quotes(type), where);
}

/// json[key], an integer or a list of n_layers equal ones.
int64_t read_layers_int(const Json& json, const char* key, int64_t max, int64_t n_layers,
                        const std::string& where) {
  if (!has(json, key) || !json.at(key).is_array()) return read_int(json, key, 1, max, where);
  const Json& list = json.at(key);
  if (int64_t(list.size()) != n_layers)
    fail("{}: expected one for each of {} layers, got {} ({})", key, n_layers, describe(list),
         where);
  for (const Json& value : list)
    if (value != list.front())
      fail("{}: expected the same for all layers, got {} and {} ({})", key, describe(list.front()),
           describe(value), where);
  return as_int(list.front(), key, 1, max, where);
}

void read_head_dim(const Json& json, const Family& family, const std::string& where,
                   ModelConfig& c) {
  if (has(json, "head_dim")) {
    c.head_dim = read_layers_int(json, "head_dim", kMaxHeadDim, c.n_layers, where);
  } else if (family.default_head_dim && !json.contains("head_dim")) {
    c.head_dim = family.default_head_dim;  // null means what follows
  } else {
    if (c.dim % c.n_heads != 0)
      fail("hidden_size: expected a multiple of num_attention_heads {}, got {} ({})", c.n_heads,
           c.dim, where);
    c.head_dim = c.dim / c.n_heads;
  }
  if (c.head_dim < 2 || c.head_dim > kMaxHeadDim || c.head_dim % 2 != 0)
    fail("head_dim: expected an even number from 2 to {}, got {} ({})", kMaxHeadDim, c.head_dim,
         where);
}

/// Dual chunk attention is plain attention up to its chunk's size less the part that chunks share: the
/// model is used up to there. Source of the defaults: vLLM.
int64_t plain_positions(const Json& chunks, int64_t max_positions, const std::string& where) {
  const auto size = [&](const char* key, int64_t fallback) {
    return has(chunks, key) ? read_int(chunks, key, 0, kMaxPositions, where) : fallback;
  };
  return std::clamp<int64_t>(size("chunk_size", 8192) - size("local_size", 1024), 1, max_positions);
}

void read_sizes(const Json& json, const Family& family, const std::string& where, ModelConfig& c) {
  c.dim = read_int(json, "hidden_size", 1, kMaxDim, where);
  c.n_layers = read_int(json, "num_hidden_layers", 1, kMaxLayers, where);
  const auto of_layers = [&](const char* key, int64_t max) {
    return read_layers_int(json, key, max, c.n_layers, where);
  };
  c.n_heads = of_layers("num_attention_heads", kMaxHeads);
  c.n_kv_heads =
      has(json, "num_key_value_heads") ? of_layers("num_key_value_heads", kMaxHeads) : c.n_heads;
  c.ffn_dim = of_layers("intermediate_size", kMaxFfnDim);
  c.vocab = read_int(json, "vocab_size", 1, kMaxVocab, where);
  c.max_positions = read_int(json, "max_position_embeddings", 1, kMaxPositions, where);
  if (has(json, "dual_chunk_attention_config"))
    c.max_positions =
        plain_positions(json.at("dual_chunk_attention_config"), c.max_positions, where);
  if (c.n_heads % c.n_kv_heads != 0)
    fail("num_key_value_heads: expected a divisor of num_attention_heads {}, got {} ({})",
         c.n_heads, c.n_kv_heads, where);
  read_head_dim(json, family, where, c);
}

/// The label of the weights' type, f32 where it names no type of floats: the tensors say what is stored.
DType read_stored_dtype(const Json& json) {
  for (const char* key : {"dtype", "torch_dtype"}) {
    if (!has(json, key)) continue;
    if (json.at(key) == "float16") return DType::kF16;
    if (json.at(key) == "bfloat16") return DType::kBF16;
  }
  return DType::kF32;
}

std::vector<int32_t> read_eos(const Json& json, int64_t vocab, const std::string& where) {
  std::vector<int32_t> ids;
  if (!has(json, "eos_token_id")) return ids;
  const Json& value = json.at("eos_token_id");
  const auto add = [&](const Json& id) {
    ids.push_back(int32_t(as_int(id, "eos_token_id", 0, vocab - 1, where)));
  };
  if (!value.is_array()) {
    add(value);
    return ids;
  }
  if (value.size() > 64)
    fail("eos_token_id: expected at most 64 ids, got {} ({})", value.size(), where);
  for (const Json& id : value) add(id);
  return ids;
}

}  // namespace

void ModelConfig::set_family(const Family& family) {
  model_type = family.name;
  qkv_bias = family.qkv_bias, qk_norm = family.qk_norm;
}

int64_t ModelConfig::parameters() const {
  const int64_t attention = 2 * dim * q_dim() + 2 * dim * kv_dim();
  const int64_t biases = qkv_bias ? q_dim() + 2 * kv_dim() : 0;
  const int64_t head_norms = qk_norm ? 2 * head_dim : 0;
  const int64_t layer = attention + biases + head_norms + 3 * dim * ffn_dim + 2 * dim;
  return vocab * dim * (tied_embeddings ? 1 : 2) + dim + n_layers * layer;
}

int64_t ModelConfig::usable_positions() const {
  if (rope.type != RopeType::kYarn) return max_positions;
  const double scaled = std::floor(rope.factor * double(rope.original_positions));
  return std::max(max_positions, int64_t(std::min(scaled, double(kMaxPositions))));
}

ModelConfig read_model_config(const Json& json, const std::string& where,
                              std::vector<std::string>* notes) {
  if (!json.is_object()) fail("{}: expected an object, got {}", where, describe(json));
  ModelConfig c;
  const Family* family = &read_family(json, where);
  const bool nested = has(json, "text_config");
  const Json& text = nested ? json.at("text_config") : json;
  if (nested && has(text, "model_type")) family = &read_family(text, where);
  c.set_family(*family);
  read_sizes(text, *family, where, c);
  const std::vector<std::string> unknown = check_config_keys(text, c, where);
  if (notes && !unknown.empty())
    notes->push_back(fmt::format("{}: not known and not read: {}", where, name_list(unknown)));
  c.norm_eps = read_number(text, "rms_norm_eps", 1e-30, 1, where);
  c.tied_embeddings = read_bool(has(text, "tie_word_embeddings") ? text : json,
                                "tie_word_embeddings", false, where);
  c.rope = read_rope_config(text, c.max_positions, where);
  c.stored_dtype = read_stored_dtype(text);
  c.eos_ids = read_eos(text, c.vocab, where);
  return c;
}

}  // namespace qwench
