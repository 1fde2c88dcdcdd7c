// What the small files beside a vocabulary say of it, as transformers reads them: tokenizer_config.json,
// and where that has no added_tokens_decoder, special_tokens_map.json and added_tokens.json.
#pragma once
#include <string>
#include <vector>

#include "engine/base/json.h"
#include "engine/text/byte_level_bpe.h"

namespace qwench {

struct TokenizerSettings {
  std::string where;                 // the file, for messages
  std::string tokenizer_class;       // "": not said
  std::vector<AddedToken> added;     // with their ids
  bool flags_count = false;          // those of `added` win over tokenizer.json's
  std::vector<std::string> special;  // named as bos_token, additional_special_tokens ...
  std::string bos, eos;              // "": none
  bool add_bos = false, add_eos = false;
  bool add_prefix_space = false, split_special_tokens = false;
};

/// Everything empty where the folder has none of the files. Error on a value of another kind.
TokenizerSettings read_tokenizer_settings(const std::string& folder);

/// Adds the tokens to parts.added: one that is there keeps its id, one that is named without an id
/// has that of the vocabulary or the next free one, as transformers gives it. Error naming token or
/// key when ids disagree, and on add_prefix_space and split_special_tokens, which Qwen never sets.
void add_named_tokens(const TokenizerSettings& settings, const Json& vocab, BpeParts& parts);

/// Of a tokenizer without tokenizer.json, whose post_processor would say it: bos_token where
/// add_bos_token is true, eos_token likewise. Error where such a token is unknown.
Framing framing_of(const TokenizerSettings& settings, const Tokenizer& tokenizer);

}  // namespace qwench
