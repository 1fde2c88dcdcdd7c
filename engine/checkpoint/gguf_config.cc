// Source of the keys: docs/gguf.md, gguf-py/gguf/constants.py and src/llama-model.cpp (load_hparams) of
// llama.cpp, and what its converter writes for Qwen.
#include "engine/checkpoint/gguf_config.h"

#include <cmath>

#include "engine/base/check.h"
#include "engine/base/json.h"
#include "engine/checkpoint/gguf_arch_keys.h"
#include "engine/config/limits.h"

namespace qwench {
namespace {

using Keys = GgufArchKeys;

void read_head_dim(const Keys& keys, ModelConfig& c) {
  if (keys.has("attention.key_length")) {
    c.head_dim = keys.layers_integer("attention.key_length", c.n_layers, 2, kMaxHeadDim);
  } else {
    if (c.dim % c.n_heads != 0)
      fail("{}: expected a divisor of embedding_length {}, got {}",
           keys.place("attention.head_count"), c.dim, c.n_heads);
    c.head_dim = c.dim / c.n_heads;
  }
  if (c.head_dim < 2 || c.head_dim > kMaxHeadDim || c.head_dim % 2 != 0)
    fail("{}: expected heads of an even size from 2 to 1024, got {}",
         keys.place("attention.key_length"), c.head_dim);
  for (const char* key : {"attention.value_length", "rope.dimension_count"}) {
    const int64_t n = keys.has(key) ? keys.layers_integer(key, c.n_layers, 1, 1 << 20) : c.head_dim;
    if (n != c.head_dim)
      fail("{}: expected {} as the keys have, got {}; other sizes are not supported",
           keys.place(key), c.head_dim, n);
  }
}

void read_sizes(const Keys& keys, ModelConfig& c) {
  c.dim = keys.integer("embedding_length", 1, kMaxDim);
  c.n_layers = keys.integer("block_count", 1, kMaxLayers);
  const auto of_layers = [&](const char* key, int64_t max) {
    return keys.layers_integer(key, c.n_layers, 1, max);
  };
  c.n_heads = of_layers("attention.head_count", kMaxHeads);
  c.n_kv_heads = keys.has("attention.head_count_kv")
                     ? of_layers("attention.head_count_kv", kMaxHeads)
                     : c.n_heads;
  c.ffn_dim = of_layers("feed_forward_length", kMaxFfnDim);
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

/// Without a type llama.cpp scales linearly by the factor, and by attn_factor whatever the type.
void refuse_scaling(const Keys& keys, std::string_view type) {
  const std::string said =
      type.empty() ? "no rope.scaling.type" : "rope.scaling.type " + in_quotes(type);
  const auto refuse = [&](const char* key, double factor) {
    fail("{}: expected 1 beside {}, got {}; of scalings only 'yarn' is supported", keys.place(key),
         said, factor);
  };
  for (const char* key : {"rope.scaling.factor", "rope.scale_linear"}) {
    const double factor = keys.number_or(key, 1, -1e9, 1e9);  // 0 is none, as no key is
    if (type != "none" && factor != 0 && factor != 1) refuse(key, factor);
  }
  const double attention = keys.number_or("rope.scaling.attn_factor", 1, -1e9, 1e9);
  if (attention != 1) refuse("rope.scaling.attn_factor", attention);
  for (const GgufValue& value : keys.header.values())
    if (value.key.rfind(keys.name("rope.scaling.yarn_"), 0) == 0)
      fail("{}: expected it beside rope.scaling.type 'yarn', got {}", keys.header.place(value),
           said);
}

void read_rope(const Keys& keys, ModelConfig& c) {
  c.rope.theta = keys.header.number(keys.name("rope.freq_base"), 2, 1e15);
  const char* const kType = "rope.scaling.type";
  const std::string_view type =
      keys.has(kType) ? keys.header.string(keys.name(kType)) : std::string_view();
  if (type == "yarn") return read_yarn(keys, c);
  if (!type.empty() && type != "none" && type != "linear")
    fail("{}: expected 'none' or 'yarn', got {}", keys.place(kType), in_quotes(type));
  refuse_scaling(keys, type);
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
  refuse_gguf_keys(keys);
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

const Family& read_gguf_family(const GgufHeader& header) {
  const std::string name(header.string("general.architecture"));
  if (const Family* family = find_family(name)) return *family;
  fail("{}: expected {}, got {}; {}", header.place(*header.find("general.architecture")), kFamilies,
       in_quotes(name),
       name == "clip" ? "this is the vision part of a model (mmproj): give the file of the model"
                      : "mixture-of-experts, vision and hybrid families are not supported yet");
}

ModelConfig read_gguf_config(const GgufHeader& header, const GgufTensorFacts& facts,
                             std::vector<std::string>* notes) {
  ModelConfig c;
  c.set_family(read_gguf_family(header));
  const Keys keys{header, c.model_type + "."};
  c.vocab = facts.vocab;
  if (c.vocab < 1 || c.vocab > kMaxVocab)
    fail("{}: token_embd.weight: expected 1 to {} rows, got {}", header.where(), kMaxVocab,
         c.vocab);
  read_sizes(keys, c);
  c.norm_eps = header.number(keys.name("attention.layer_norm_rms_epsilon"), 1e-30, 1);
  c.tied_embeddings = facts.tied_embeddings;
  c.stored_dtype = facts.stored_dtype;
  read_rope(keys, c);
  refuse_unsupported(keys, c);
  check_vocab(keys, c);
  const std::vector<std::string> unknown = unknown_gguf_keys(keys);
  if (notes && !unknown.empty())
    notes->push_back(
        fmt::format("{}: not known and not read: {}", header.where(), name_list(unknown)));
  for (const char* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"})
    if (header.find(key)) c.eos_ids.push_back(int32_t(header.integer(key, 0, c.vocab - 1)));
  return c;
}

}  // namespace qwench
