// The text side of a GGUF file: nothing beside it is needed to run or chat.
#pragma once
#include <memory>
#include <string>

#include "engine/checkpoint/gguf.h"
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

/// Null when the file has none. Error naming the key and what is wrong in it otherwise.
std::unique_ptr<Tokenizer> load_gguf_tokenizer(const GgufHeader& header);

/// general.sampling.* (greedy where there is none) and the ids that end a text or a turn.
GenerationConfig read_gguf_generation_config(const GgufHeader& header);

/// tokenizer.chat_template, "" when it is absent.
std::string gguf_chat_template(const GgufHeader& header);

}  // namespace qwench
