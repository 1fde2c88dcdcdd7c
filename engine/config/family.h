// What sets the families of models apart, whatever file says which one it is.
#pragma once
#include <cstdint>
#include <string_view>

namespace qwench {

struct Family {
  std::string_view name;          // model_type in config.json, general.architecture in GGUF
  std::string_view architecture;  // transformers' class
  bool qkv_bias = false;          // biases on q, k and v
  bool qk_norm = false;           // a norm of every head of q and k
  int64_t default_head_dim = 0;   // where the file says none; 0: dim / n_heads
};

/// Null for a family that is not supported.
const Family* find_family(std::string_view name);

/// For errors: every name with the models that it stands for.
constexpr std::string_view kFamilies = "'qwen2' (Qwen2, Qwen2.5) or 'qwen3' (Qwen3, dense)";

}  // namespace qwench
