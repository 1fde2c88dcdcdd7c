// config.json -> ModelConfig. The caps are far above any released model and low enough that no
// product of two sizes, nor the bytes of a whole KV cache, can leave 64 bits.
#include "engine/model/config.h"

#include <cmath>
#include <string_view>

#include "engine/check.h"

namespace qwench {
namespace {

constexpr int64_t kMaxPositions = int64_t(1) << 27;
constexpr int64_t kMaxVocab = int64_t(1) << 22;

/// Refuses by name a rope key that would change the numbers and is not implemented.
void refuse_rope_key(const Json& rope, std::string_view key, const std::string& where) {
  if (has(rope, key)) fail("rope: '{}' is not supported ({})", key, where);
}

std::string rope_type_name(const Json& rope, const std::string& where) {
  if (has(rope, "rope_type")) return read_string(rope, "rope_type", where);
  if (has(rope, "type")) return read_string(rope, "type", where);
  return "default";
}

double number_or(const Json& object, std::string_view key, double fallback, double min, double max,
                 const std::string& where) {
  return has(object, key) ? read_number(object, key, min, max, where) : fallback;
}

void read_yarn(const Json& rope, int64_t max_positions, const std::string& where, RopeConfig& out) {
  out.type = RopeType::kYarn;
  out.factor = read_number(rope, "factor", 1, 4096, where);
  out.original_positions =
      has(rope, "original_max_position_embeddings")
          ? read_int(rope, "original_max_position_embeddings", 1, kMaxPositions, where)
          : max_positions;
  out.beta_fast = number_or(rope, "beta_fast", 32, 1e-3, 1e6, where);
  out.beta_slow = number_or(rope, "beta_slow", 1, 1e-3, 1e6, where);
  if (out.beta_fast < out.beta_slow)
    fail("rope: expected beta_fast >= beta_slow, got {} and {} ({})", out.beta_fast, out.beta_slow,
         where);
  out.attention_factor =
      number_or(rope, "attention_factor", 0.1 * std::log(out.factor) + 1, 1e-3, 100, where);
  out.truncate = read_bool(rope, "truncate", true, where);
}

/// New style: `rope_parameters` holds everything. Old style: `rope_theta` beside `rope_scaling`.
RopeConfig read_rope(const Json& json, int64_t max_positions, const std::string& where) {
  static const Json kNone = Json::object();
  const char* key = has(json, "rope_parameters") ? "rope_parameters" : "rope_scaling";
  const Json& rope = has(json, key) ? json.at(key) : kNone;
  if (!rope.is_object())
    fail("{}: expected an object or null, got {} ({})", key, describe(rope), where);
  RopeConfig out;
  out.theta = read_number(has(rope, "rope_theta") ? rope : json, "rope_theta", 2, 1e15, where);
  for (const char* unsupported : {"mrope_section", "mscale", "mscale_all_dim"})
    refuse_rope_key(rope, unsupported, where);
  for (const Json* place : {&rope, &json})
    if (number_or(*place, "partial_rotary_factor", 1, 0, 1, where) != 1)
      fail("rope: partial_rotary_factor other than 1 is not supported ({})", where);
  const std::string type = rope_type_name(rope, where);
  if (type == "yarn")
    read_yarn(rope, max_positions, where, out);
  else if (type != "default")
    fail("rope: expected type 'default' or 'yarn', got {} ({})", in_quotes(type), where);
  return out;
}

void refuse_unsupported(const Json& json, const std::string& model_type, const std::string& where) {
  if (has(json, "hidden_act") && read_string(json, "hidden_act", where) != "silu")
    fail("hidden_act: expected 'silu', got {} ({})", describe(json.at("hidden_act")), where);
  if (read_bool(json, "use_sliding_window", false, where))
    fail("use_sliding_window: sliding-window attention is not supported ({})", where);
  if (has(json, "layer_types")) {
    const Json& types = json.at("layer_types");
    if (!types.is_array())
      fail("layer_types: expected an array, got {} ({})", describe(types), where);
    for (const Json& type : types)
      if (type != "full_attention")
        fail("layer_types: expected only 'full_attention', got {} ({})", describe(type), where);
  }
  // transformers' Qwen3 with this flag has biases on q, k, v and o; no released checkpoint sets it.
  if (model_type == "qwen3" && read_bool(json, "attention_bias", false, where))
    fail("attention_bias: true is not supported for qwen3 ({})", where);
}

std::string read_model_type(const Json& json, const std::string& where) {
  const std::string type = read_string(json, "model_type", where);
  if (type != "qwen2" && type != "qwen3")
    fail(
        "model_type: expected 'qwen2' (Qwen2, Qwen2.5) or 'qwen3' (Qwen3, dense), got {} ({}); "
        "mixture-of-experts, vision and hybrid families are not supported yet",
        in_quotes(type), where);
  return type;
}

void read_sizes(const Json& json, const std::string& where, ModelConfig& c) {
  c.dim = read_int(json, "hidden_size", 1, 1 << 17, where);
  c.n_layers = read_int(json, "num_hidden_layers", 1, 1000, where);
  c.n_heads = read_int(json, "num_attention_heads", 1, 4096, where);
  c.n_kv_heads = has(json, "num_key_value_heads")
                     ? read_int(json, "num_key_value_heads", 1, 4096, where)
                     : c.n_heads;
  c.ffn_dim = read_int(json, "intermediate_size", 1, 1 << 20, where);
  c.vocab = read_int(json, "vocab_size", 1, kMaxVocab, where);
  c.max_positions = read_int(json, "max_position_embeddings", 1, kMaxPositions, where);
  if (c.n_heads % c.n_kv_heads != 0)
    fail("num_key_value_heads: expected a divisor of num_attention_heads {}, got {} ({})",
         c.n_heads, c.n_kv_heads, where);
  if (has(json, "head_dim")) {
    c.head_dim = read_int(json, "head_dim", 2, 1024, where);
  } else {
    if (c.dim % c.n_heads != 0)
      fail("hidden_size: expected a multiple of num_attention_heads {}, got {} ({})", c.n_heads,
           c.dim, where);
    c.head_dim = c.dim / c.n_heads;
  }
  if (c.head_dim < 2 || c.head_dim > 1024 || c.head_dim % 2 != 0)
    fail("head_dim: expected an even number from 2 to 1024, got {} ({})", c.head_dim, where);
}

DType read_stored_dtype(const Json& json, const std::string& where) {
  const char* key = has(json, "dtype") ? "dtype" : "torch_dtype";
  if (!has(json, key)) return DType::kF32;
  const std::string name = read_string(json, key, where);
  if (name == "float32") return DType::kF32;
  if (name == "float16") return DType::kF16;
  if (name == "bfloat16") return DType::kBF16;
  fail("{}: expected float32, float16 or bfloat16, got {} ({})", key, in_quotes(name), where);
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

int64_t ModelConfig::parameters() const {
  const int64_t attention = 2 * dim * q_dim() + 2 * dim * kv_dim();
  const int64_t biases = qkv_bias ? q_dim() + 2 * kv_dim() : 0;
  const int64_t head_norms = qk_norm ? 2 * head_dim : 0;
  const int64_t layer = attention + biases + head_norms + 3 * dim * ffn_dim + 2 * dim;
  return vocab * dim * (tied_embeddings ? 1 : 2) + dim + n_layers * layer;
}

ModelConfig read_model_config(const Json& json, const std::string& where) {
  if (!json.is_object()) fail("{}: expected an object, got {}", where, describe(json));
  ModelConfig c;
  c.model_type = read_model_type(json, where);
  const bool nested = has(json, "text_config");
  const Json& text = nested ? json.at("text_config") : json;
  if (nested && has(text, "model_type")) c.model_type = read_model_type(text, where);
  refuse_unsupported(text, c.model_type, where);
  read_sizes(text, where, c);
  c.norm_eps = read_number(text, "rms_norm_eps", 1e-30, 1, where);
  c.qkv_bias = c.model_type == "qwen2";
  c.qk_norm = c.model_type == "qwen3";
  c.tied_embeddings = read_bool(has(text, "tie_word_embeddings") ? text : json,
                                "tie_word_embeddings", false, where);
  c.rope = read_rope(text, c.max_positions, where);
  c.stored_dtype = read_stored_dtype(text, where);
  c.eos_ids = read_eos(text, c.vocab, where);
  return c;
}

}  // namespace qwench
