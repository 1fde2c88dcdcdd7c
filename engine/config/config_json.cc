// The keys of transformers' Qwen2Config and Qwen3Config.
#include "engine/config/config_json.h"

#include "engine/base/check.h"
#include "engine/config/family.h"

namespace qwench {
namespace {

Json rope_scaling_of(const RopeConfig& rope) {
  if (rope.type == RopeType::kDefault) return nullptr;
  return {{"rope_type", "yarn"},
          {"factor", rope.factor},
          {"original_max_position_embeddings", rope.original_positions},
          {"beta_fast", rope.beta_fast},
          {"beta_slow", rope.beta_slow},
          {"attention_factor", rope.attention_factor},
          {"truncate", rope.truncate}};
}

}  // namespace

Json config_json_of(const ModelConfig& c) {
  const Family* family = find_family(c.model_type);
  QWENCH_CHECK(family);
  return {{"architectures", {family->architecture}},
          {"model_type", c.model_type},
          {"hidden_act", "silu"},
          {"hidden_size", c.dim},
          {"num_hidden_layers", c.n_layers},
          {"num_attention_heads", c.n_heads},
          {"num_key_value_heads", c.n_kv_heads},
          {"head_dim", c.head_dim},
          {"intermediate_size", c.ffn_dim},
          {"vocab_size", c.vocab},
          {"max_position_embeddings", c.max_positions},
          {"rms_norm_eps", c.norm_eps},
          {"rope_theta", c.rope.theta},
          {"rope_scaling", rope_scaling_of(c.rope)},
          {"tie_word_embeddings", c.tied_embeddings},
          {"eos_token_id", c.eos_ids},
          {"torch_dtype", "float32"}};
}

}  // namespace qwench
