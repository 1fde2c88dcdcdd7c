// Source: transformers' Qwen2Config and Qwen3Config.
#include "engine/config/family.h"

namespace qwench {
namespace {

constexpr Family kTable[] = {
    {"qwen2", "Qwen2ForCausalLM", /*qkv_bias=*/true, /*qk_norm=*/false, 0},
    {"qwen3", "Qwen3ForCausalLM", /*qkv_bias=*/false, /*qk_norm=*/true, 128}};

}  // namespace

const Family* find_family(std::string_view name) {
  for (const Family& family : kTable)
    if (family.name == name) return &family;
  return nullptr;
}

}  // namespace qwench
