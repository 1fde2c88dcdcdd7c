// Tokenizer, chat template and sampling defaults of a model as the keys of a GGUF file.
#pragma once
#include <string>
#include <vector>

#include "engine/checkpoint/gguf_keys.h"
#include "engine/config/config.h"

namespace qwench {

/// source: a GGUF file (its keys are copied), a Hugging Face folder with tokenizer.json, or the name
/// of neither. Without a tokenizer the file gets one of single bytes and unused tokens, so that
/// other programs open it. Error when the folder's tokenizer has no form in GGUF.
GgufKeys gguf_text_keys(const std::string& source, const ModelConfig& config);

/// Keys of a folder's generation_config.json that change tokens and have none in GGUF.
std::vector<std::string> sampling_without_gguf_key(const std::string& source);

}  // namespace qwench
