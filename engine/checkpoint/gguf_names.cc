// Source of the names: gguf-py/gguf/constants.py of ggml-org/llama.cpp. q and k need no permutation:
// Qwen's rotary embedding pairs dimension i with i + head_dim / 2 in both.
#include "engine/checkpoint/gguf_names.h"

#include <algorithm>

namespace qwench {
namespace {

struct Pair {
  std::string_view gguf, hf;
};
constexpr Pair kWhole[] = {{"token_embd.weight", "model.embed_tokens.weight"},
                           {"output_norm.weight", "model.norm.weight"},
                           {"output.weight", "lm_head.weight"}};
constexpr Pair kLayer[] = {{"attn_norm.weight", "input_layernorm.weight"},
                           {"attn_q.weight", "self_attn.q_proj.weight"},
                           {"attn_k.weight", "self_attn.k_proj.weight"},
                           {"attn_v.weight", "self_attn.v_proj.weight"},
                           {"attn_q.bias", "self_attn.q_proj.bias"},
                           {"attn_k.bias", "self_attn.k_proj.bias"},
                           {"attn_v.bias", "self_attn.v_proj.bias"},
                           {"attn_q_norm.weight", "self_attn.q_norm.weight"},
                           {"attn_k_norm.weight", "self_attn.k_norm.weight"},
                           {"attn_output.weight", "self_attn.o_proj.weight"},
                           {"ffn_norm.weight", "post_attention_layernorm.weight"},
                           {"ffn_gate.weight", "mlp.gate_proj.weight"},
                           {"ffn_up.weight", "mlp.up_proj.weight"},
                           {"ffn_down.weight", "mlp.down_proj.weight"}};
constexpr std::string_view kGgufLayers = "blk.", kHfLayers = "model.layers.";

std::string translate(std::string_view name, std::string_view Pair::*from,
                      std::string_view Pair::*to, std::string_view from_layers,
                      std::string_view to_layers) {
  for (const Pair& pair : kWhole)
    if (pair.*from == name) return std::string(pair.*to);
  if (name.substr(0, from_layers.size()) != from_layers) return "";
  name.remove_prefix(from_layers.size());
  const size_t dot = name.find('.');
  if (dot == name.npos || dot == 0 || dot > 4) return "";
  const std::string_view layer = name.substr(0, dot);
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (!std::all_of(layer.begin(), layer.end(), is_digit)) return "";
  if (dot > 1 && layer[0] == '0') return "";  // "00" would be a second name of layer 0
  for (const Pair& pair : kLayer)
    if (pair.*from == name.substr(dot + 1))
      return std::string(to_layers).append(layer).append(".").append(pair.*to);
  return "";
}

}  // namespace

std::string name_from_gguf(std::string_view name) {
  return translate(name, &Pair::gguf, &Pair::hf, kGgufLayers, kHfLayers);
}

std::string name_to_gguf(std::string_view name) {
  return translate(name, &Pair::hf, &Pair::gguf, kHfLayers, kGgufLayers);
}

}  // namespace qwench
