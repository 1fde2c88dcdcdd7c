// What tokenizer.json, vocab.json + merges.txt and GGUF files have in common: tokens spelled in the GPT-2 byte
// alphabet (each byte is one printable character), merges of such spellings, added tokens.
#include <array>

#include "engine/base/check.h"
#include "engine/text/load_tokenizer.h"
#include "engine/text/utf8.h"

namespace qwench {
namespace {

constexpr int kAlphabetEnd = 0x144;  // 68 bytes are not printable; they are U+0100 .. U+0143

/// Code point -> byte, or -1. Bytes 33-126, 161-172 and 174-255 stand for themselves.
std::array<int16_t, kAlphabetEnd> byte_alphabet() {
  std::array<int16_t, kAlphabetEnd> bytes;
  bytes.fill(-1);
  int16_t next = 0x100;
  for (int16_t byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
    bytes[size_t(printable ? byte : next++)] = byte;
  }
  return bytes;
}

int32_t token_id(const TokenIds& ids, std::string_view token, uint32_t rank,
                 std::string_view where) {
  const auto found = ids.find(token);
  if (found == ids.end())
    fail("merge {}: {} is not in the vocabulary ({})", rank, in_quotes(token), where);
  return found->second;
}

}  // namespace

bool from_byte_alphabet(std::string_view spelled, std::string& bytes) {
  static const auto kBytes = byte_alphabet();
  bytes.clear();
  for (size_t at = 0; at < spelled.size();) {
    const Utf8Step step = read_utf8(spelled, at);
    if (step.value >= kAlphabetEnd || kBytes[step.value] < 0) return false;
    bytes += char(kBytes[step.value]);
    at += size_t(step.bytes);
  }
  return true;
}

std::string to_byte_alphabet(std::string_view bytes) {
  static const std::vector<std::string> kLetters = [] {
    std::vector<std::string> letters;
    for (int byte = 0; byte < 256; ++byte) letters.push_back(byte_as_letter(uint8_t(byte)));
    return letters;
  }();
  std::string out;
  for (const char c : bytes) out += kLetters[uint8_t(c)];
  return out;
}

std::string byte_as_letter(uint8_t byte) {
  const auto letters = byte_alphabet();
  std::string out;
  for (size_t letter = 0; letter < letters.size(); ++letter)
    if (letters[letter] == byte) append_utf8(out, char32_t(letter));
  return out;
}

void check_token_length(size_t bytes, int64_t id, std::string_view where) {
  if (bytes < 1 || bytes > kMaxTokenBytes)
    fail("token {}: expected 1 to {} bytes, got {} ({})", id, kMaxTokenBytes, bytes, where);
}

AddedToken read_added_token(const Json& object, int64_t id, std::string_view where) {
  AddedToken token;
  token.id = int32_t(id);
  token.content = read_string(object, "content", where);
  if (token.content.empty() || token.content.size() > kMaxAddedTokenBytes)
    fail("added token {}: expected 1 to {} bytes, got {} ({})", id, kMaxAddedTokenBytes,
         token.content.size(), where);
  token.special = read_bool(object, "special", false, where);
  token.normalized = read_bool(object, "normalized", false, where);
  for (const char* option : {"lstrip", "rstrip", "single_word"}) {
    if (read_bool(object, option, false, where))
      fail("added token {}: {} is not supported ({}); set it to false", in_quotes(token.content),
           option, where);
  }
  return token;
}

TokenIds read_vocab(const Json& vocab, std::string_view where, BpeParts& parts) {
  if (!vocab.is_object()) fail("vocab: expected an object, got {} ({})", describe(vocab), where);
  std::unordered_map<std::string_view, int32_t> added;
  for (const AddedToken& token : parts.added) added.emplace(token.content, token.id);
  const int64_t most = int64_t(vocab.size() + added.size());  // ids without holes go no further
  TokenIds ids;
  ids.reserve(vocab.size());
  std::string bytes;
  for (auto item = vocab.begin(); item != vocab.end(); ++item) {
    const std::string& spelled = item.key();
    const Json& value = item.value();
    if (!value.is_number_integer() || value < 0 || value >= most)
      fail("vocab {}: expected an id from 0 to {}, got {} ({})", in_quotes(spelled), most - 1,
           describe(value), where);
    const int32_t id = value.get<int32_t>();
    ids.emplace(spelled, id);
    const auto same = added.find(spelled);
    if (same != added.end() && same->second == id) continue;
    if (same != added.end())
      fail("token {}: id {} in the vocabulary, {} in the added tokens ({})", in_quotes(spelled), id,
           same->second, where);
    if (!from_byte_alphabet(spelled, bytes))
      fail("token {}: not spelled in the byte alphabet of GPT-2, {} ({})", id, in_quotes(spelled),
           where);
    check_token_length(bytes.size(), id, where);
    if (parts.tokens.size() <= size_t(id)) parts.tokens.resize(size_t(id) + 1);
    std::string& place = parts.tokens[size_t(id)];
    if (!place.empty())
      fail("vocab: id {} is there twice, for {} and another token ({})", id, in_quotes(spelled),
           where);
    place = bytes;
  }
  return ids;
}

void add_merge(const TokenIds& ids, std::string_view left, std::string_view right, uint32_t rank,
               std::string_view where, BpeParts& parts) {
  const int32_t left_id = token_id(ids, left, rank, where);
  const int32_t right_id = token_id(ids, right, rank, where);
  const int32_t merged = token_id(ids, std::string(left).append(right), rank, where);
  if (!parts.merges.insert(left_id, right_id, {rank, merged}))
    fail("merge {}: {} and {} are there twice ({})", rank, in_quotes(left), in_quotes(right),
         where);
}

void add_merge(const TokenIds& ids, std::string_view line, uint32_t rank, std::string_view where,
               BpeParts& parts) {
  const size_t space = line.find(' ');
  if (space == line.npos || space == 0 || space + 1 == line.size() ||
      line.find(' ', space + 1) != line.npos) {
    fail("merge {}: expected two tokens with one space between, got {} ({})", rank, in_quotes(line),
         where);
  }
  add_merge(ids, line.substr(0, space), line.substr(space + 1), rank, where, parts);
}

void check_every_token_is_made(const BpeParts& parts, const std::vector<bool>& unused,
                               std::string_view where) {
  std::vector<bool> made = unused;
  made.resize(parts.tokens.size());
  for (const MergeTable::Entry& entry : parts.merges.entries()) made[size_t(entry.merge.id)] = true;
  size_t missing = 0, first = 0;
  for (size_t id = parts.tokens.size(); id-- > 0;)
    if (parts.tokens[id].size() > 1 && !made[id]) ++missing, first = id;
  if (missing)
    fail(
        "merges: no merge makes {} of the {} tokens of the vocabulary, the first is {} {} ({}); "
        "the "
        "list is cut off or belongs to another vocabulary: copy the file again",
        missing, parts.tokens.size(), first, in_quotes(parts.tokens[first]), where);
}

}  // namespace qwench
