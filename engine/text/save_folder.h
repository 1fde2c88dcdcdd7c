// Tokenizer, chat template and sampling defaults of a GGUF file as the files of a Hugging Face folder.
#pragma once
#include <string>
#include <vector>

#include "engine/checkpoint/gguf.h"

namespace qwench {

struct TextFile {
  std::string name;  // without folder
  std::string bytes;
};

/// tokenizer.json, tokenizer_config.json and generation_config.json as Hugging Face has them for
/// Qwen; none when the file has no tokenizer. Error naming key or token when the tokenizer is broken,
/// not Qwen's, or has no form in a folder.
std::vector<TextFile> folder_text_files(const GgufHeader& header);

}  // namespace qwench
