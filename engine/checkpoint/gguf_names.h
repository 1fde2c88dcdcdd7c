// Names of tensors in GGUF files and in Hugging Face folders, for the Qwen2 and Qwen3 families.
#pragma once
#include <string>
#include <string_view>

namespace qwench {

/// "blk.3.attn_q.weight" -> "model.layers.3.self_attn.q_proj.weight"; "" when it is none of theirs.
std::string name_from_gguf(std::string_view name);

/// The other way; "" when it is none of theirs.
std::string name_to_gguf(std::string_view name);

}  // namespace qwench
