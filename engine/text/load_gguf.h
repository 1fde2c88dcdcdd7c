// The text side of a GGUF file: nothing beside it is needed to run or chat.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/checkpoint/gguf.h"
#include "engine/text/pretokenizer.h"
#include "engine/text/sampler.h"
#include "engine/text/tokenizer.h"

namespace qwench {

/// tokenizer.ggml.token_type.
enum GgufTokenType : int64_t {
  kGgufNormal = 1,
  kGgufUnknown = 2,
  kGgufControl = 3,
  kGgufUserDefined = 4,
  kGgufUnused = 5  // a row of the embedding that no token has
};

/// The vocabulary as the keys spell it, without padding at its end. The views point into the header.
struct GgufVocabulary {
  PreTokenizer rule = PreTokenizer::kQwen2;
  std::vector<std::string_view> tokens, merges;
  std::vector<int64_t> types;  // as many as tokens
};

/// Nothing when the file has no tokenizer. Error when keys are missing, of another kind or of a
/// tokenizer that is not Qwen's; what the tokens say is for load_gguf_tokenizer() to check.
std::optional<GgufVocabulary> read_gguf_vocabulary(const GgufHeader& header);

/// Null when the file has none. Error naming the key and what is wrong in it otherwise.
std::unique_ptr<Tokenizer> load_gguf_tokenizer(const GgufHeader& header);

/// general.sampling.* (greedy where there is none) and the ids that end a text or a turn.
GenerationConfig read_gguf_generation_config(const GgufHeader& header);

/// tokenizer.chat_template, "" when it is absent.
std::string gguf_chat_template(const GgufHeader& header);
/// The key of a template with a name of its own (tokenizer.chat_template.tool_use), "" without one.
std::string gguf_named_template(const GgufHeader& header);

}  // namespace qwench
