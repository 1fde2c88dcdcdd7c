// Source of the keys: docs/gguf.md and gguf-py/gguf/constants.py of llama.cpp, and what its converter
// writes for Qwen. The caps are those of config.json: no product of two sizes can leave 64 bits.
#include "engine/checkpoint/gguf_config.h"

#include <cmath>

#include "engine/check.h"
#include "engine/json.h"

namespace qwench {
namespace {

constexpr int64_t kMaxPositions = int64_t(1) << 27;
constexpr int64_t kMaxVocab = int64_t(1) << 22;

/// Keys of one architecture: "block_count" -> "qwen3.block_count".
struct Keys {
  const GgufHeader& header;
  std::string prefix;

  std::string name(std::string_view key) const { return prefix + std::string(key); }
  bool has(std::string_view key) const { return header.find(name(key)) != nullptr; }
  int64_t integer(std::string_view key, int64_t min, int64_t max) const {
    return header.integer(name(key), min, max);
  }
  int64_t integer_or(std::string_view key, int64_t fallback, int64_t min, int64_t max) const {
    return header.integer_or(name(key), fallback, min, max);
  }
  double number_or(std::string_view key, double fallback, double min, double max) const {
    return header.number_or(name(key), fallback, min, max);
  }
  std::string place(std::string_view key) const {
    const GgufValue* value = header.find(name(key));
    return value ? header.place(*value)
                 : fmt::format("{}: key {}", header.where(), in_quotes(name(key)));
  }
};

void read_head_dim(const Keys& keys, ModelConfig& c) {
  if (keys.has("attention.key_length")) {
    c.head_dim = keys.integer("attention.key_length", 2, 1024);
  } else {
    if (c.dim % c.n_heads != 0)
      fail("{}: expected a divisor of embedding_length {}, got {}",
           keys.place("attention.head_count"), c.dim, c.n_heads);
    c.head_dim = c.dim / c.n_heads;
  }
  if (c.head_dim < 2 || c.head_dim > 1024 || c.head_dim % 2 != 0)
    fail("{}: expected heads of an even size from 2 to 1024, got {}",
         keys.place("attention.key_length"), c.head_dim);
  for (const char* key : {"attention.value_length", "rope.dimension_count"}) {
    const int64_t n = keys.integer_or(key, c.head_dim, 1, 1 << 20);
    if (n != c.head_dim)
      fail("{}: expected {} as the keys have, got {}; other sizes are not supported",
           keys.place(key), c.head_dim, n);
  }
}

void read_sizes(const Keys& keys, ModelConfig& c) {
  c.dim = keys.integer("embedding_length", 1, 1 << 17);
  c.n_layers = keys.integer("block_count", 1, 1000);
  c.n_heads = keys.integer("attention.head_count", 1, 4096);
  c.n_kv_heads = keys.integer_or("attention.head_count_kv", c.n_heads, 1, 4096);
  c.ffn_dim = keys.integer("feed_forward_length", 1, 1 << 20);
  c.max_positions = keys.integer("context_length", 1, kMaxPositions);
  if (c.n_heads % c.n_kv_heads != 0)
    fail("{}: expected a divisor of head_count {}, got {}", keys.place("attention.head_count_kv"),
         c.n_heads, c.n_kv_heads);
  read_head_dim(keys, c);
}

/// attn_factor multiplies what YaRN itself prescribes (llama.cpp: rope_yarn in ggml-cpu/ops.cpp).
void read_yarn(const Keys& keys, ModelConfig& c) {
  RopeConfig& rope = c.rope;
  rope.type = RopeType::kYarn;
  rope.factor = keys.header.number(keys.name("rope.scaling.factor"), 1, 4096);
  rope.original_positions =
      keys.integer_or("rope.scaling.original_context_length", c.max_positions, 1, kMaxPositions);
  rope.beta_fast = keys.number_or("rope.scaling.yarn_beta_fast", 32, 1e-3, 1e6);
  rope.beta_slow = keys.number_or("rope.scaling.yarn_beta_slow", 1, 1e-3, 1e6);
  if (rope.beta_fast < rope.beta_slow)
    fail("{}: expected at least yarn_beta_slow {}, got {}",
         keys.place("rope.scaling.yarn_beta_fast"), rope.beta_slow, rope.beta_fast);
  double scale = 1;
  for (const char* key : {"rope.scaling.attn_factor", "rope.scaling.yarn_attn_factor"})
    scale *= keys.number_or(key, 1, 1e-2, 100);
  rope.attention_factor = scale * (0.1 * std::log(rope.factor) + 1);
  for (const char* key : {"rope.scaling.yarn_ext_factor", "rope.scaling.yarn_log_multiplier"}) {
    const double usual = key == std::string_view("rope.scaling.yarn_ext_factor") ? 1 : 0;
    if (keys.number_or(key, usual, -1e6, 1e6) != usual)
      fail("{}: expected {}; other values are not supported", keys.place(key), usual);
  }
}

void read_rope(const Keys& keys, ModelConfig& c) {
  c.rope.theta = keys.header.number(keys.name("rope.freq_base"), 2, 1e15);
  if (keys.number_or("rope.scale_linear", 1, -1e9, 1e9) != 1)
    fail("{}: linear scaling is not supported; expected 1", keys.place("rope.scale_linear"));
  if (!keys.has("rope.scaling.type")) return;
  const std::string_view type = keys.header.string(keys.name("rope.scaling.type"));
  if (type == "yarn")
    read_yarn(keys, c);
  else if (type != "none")
    fail("{}: expected 'none' or 'yarn', got {}", keys.place("rope.scaling.type"), in_quotes(type));
}

/// Keys that would change the numbers and are not implemented.
void refuse_unsupported(const Keys& keys, const ModelConfig& c) {
  if (keys.integer_or("expert_count", 0, 0, INT32_MAX) != 0)
    fail("{}: expected none; mixture-of-experts models are not supported yet",
         keys.place("expert_count"));
  const int64_t window = keys.integer_or("attention.sliding_window", 0, 0, INT32_MAX);
  if (window != 0 && window < c.max_positions)
    fail("{}: expected 0 (none), got {}; sliding-window attention is not supported",
         keys.place("attention.sliding_window"), window);
  if (keys.has("attention.causal") && !keys.header.boolean(keys.name("attention.causal")))
    fail("{}: expected true; attention to later tokens is not supported",
         keys.place("attention.causal"));
}

/// The tokenizer, where there is one, must not name ids beyond the embedding.
void check_vocab(const Keys& keys, const ModelConfig& c) {
  const GgufValue* tokens = keys.header.find("tokenizer.ggml.tokens");
  if (tokens && tokens->kind == GgufKind::kArray && tokens->count > c.vocab)
    fail("{}: expected at most {} tokens as token_embd.weight has rows, got {}",
         keys.header.place(*tokens), c.vocab, tokens->count);
  const int64_t vocab = keys.integer_or("vocab_size", c.vocab, 1, kMaxVocab);
  if (vocab != c.vocab)
    fail("{}: expected {} as token_embd.weight has rows, got {}", keys.place("vocab_size"), c.vocab,
         vocab);
}

}  // namespace

std::string read_gguf_architecture(const GgufHeader& header) {
  const std::string name(header.string("general.architecture"));
  if (name == "qwen2" || name == "qwen3") return name;
  fail(
      "{}: expected 'qwen2' (Qwen2, Qwen2.5) or 'qwen3' (Qwen3, dense), got {}; "
      "mixture-of-experts, vision and hybrid families are not supported yet",
      header.place(*header.find("general.architecture")), in_quotes(name));
}

ModelConfig read_gguf_config(const GgufHeader& header, const GgufTensorFacts& facts) {
  ModelConfig c;
  c.model_type = read_gguf_architecture(header);
  const Keys keys{header, c.model_type + "."};
  c.vocab = facts.vocab;
  if (c.vocab < 1 || c.vocab > kMaxVocab)
    fail("{}: token_embd.weight: expected 1 to {} rows, got {}", header.where(), kMaxVocab,
         c.vocab);
  read_sizes(keys, c);
  c.norm_eps = header.number(keys.name("attention.layer_norm_rms_epsilon"), 1e-30, 1);
  c.qkv_bias = c.model_type == "qwen2";
  c.qk_norm = c.model_type == "qwen3";
  c.tied_embeddings = facts.tied_embeddings;
  c.stored_dtype = facts.stored_dtype;
  read_rope(keys, c);
  refuse_unsupported(keys, c);
  check_vocab(keys, c);
  for (const char* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"})
    if (header.find(key)) c.eos_ids.push_back(int32_t(header.integer(key, 0, c.vocab - 1)));
  return c;
}

}  // namespace qwench
