// The loaders behind open_tokenizer(), one file each. All validate everything before they return:
// a tokenizer that loads never fails on text. Error names the file and what is wrong in it.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/base/json.h"
#include "engine/text/added_tokens.h"
#include "engine/text/byte_level_bpe.h"
#include "engine/text/tokenizer.h"
#include "engine/text/tokenizer_settings.h"

namespace qwench {

constexpr int64_t kMaxTokenizerBytes = 64 << 20;
constexpr JsonLimits kTokenizerLimits{kMaxTokenizerBytes, 64, 8 << 20};  // Qwen3.5's has 1 M values
constexpr size_t kMaxTokenBytes = 512;  // longest published Qwen token: 128

/// The text of a tokenizer.json, and what stands beside it in its folder. `where` names it in
/// messages.
std::unique_ptr<Tokenizer> load_tokenizer_json(std::string_view bytes, std::string_view where,
                                               const TokenizerSettings& beside = {});

/// vocab.json + merges.txt of a folder, and what stands beside them.
std::unique_ptr<Tokenizer> load_vocab_merges(const std::string& folder);

/// `base64 rank` lines; the 26 added tokens of Qwen2 to Qwen3 follow the last rank.
std::unique_ptr<Tokenizer> load_tiktoken(const std::string& path,
                                         const TokenizerSettings& beside = {});

/// A sentencepiece model. Error naming the package where this build has no sentencepiece.
std::unique_ptr<Tokenizer> load_sentencepiece(const std::string& path,
                                              const TokenizerSettings& beside = {});

/// One added token from its JSON object ("content", "special", "normalized"); refuses the matching
/// options nobody publishes for Qwen ("lstrip", "rstrip", "single_word").
AddedToken read_added_token(const Json& object, int64_t id, std::string_view where);

/// A list of merges that was cut off still reads well; the vocabulary tells. Every token of more than a byte is
/// made by a merge, since a byte-level BPE is trained that way. `unused`: by id, tokens that no text becomes; may
/// be shorter. Error with how many tokens no merge makes.
void check_every_token_is_made(const BpeParts& parts, const std::vector<bool>& unused,
                               std::string_view where);

/// Spelled token (GPT-2 byte alphabet) -> id. The views point into the Json it was read from.
using TokenIds = std::unordered_map<std::string_view, int32_t>;

/// {"token": id}: the bytes of the tokens go into parts.tokens by id. Entries that are in
/// parts.added too (same spelling, same id) are left to those.
TokenIds read_vocab(const Json& vocab, std::string_view where, BpeParts& parts);

/// One merge; Error when a part or the result is not a token, or the pair was there before.
void add_merge(const TokenIds& ids, std::string_view left, std::string_view right, uint32_t rank,
               std::string_view where, BpeParts& parts);
/// The same from "left right".
void add_merge(const TokenIds& ids, std::string_view line, uint32_t rank, std::string_view where,
               BpeParts& parts);

/// The bytes of a token spelled in the GPT-2 byte alphabet (each byte one printable character).
/// False when a character is outside it. Precondition: valid UTF-8.
bool from_byte_alphabet(std::string_view spelled, std::string& bytes);

/// The other way.
std::string to_byte_alphabet(std::string_view bytes);

/// The letter of that alphabet that stands for a byte, as UTF-8.
std::string byte_as_letter(uint8_t byte);

/// Error unless 1 <= bytes <= kMaxTokenBytes.
void check_token_length(size_t bytes, int64_t id, std::string_view where);

}  // namespace qwench
