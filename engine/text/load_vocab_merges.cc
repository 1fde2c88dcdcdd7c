// The GPT-2 form: vocab.json {"token": id}, merges.txt with a merge a line, and the added tokens in
// tokenizer_config.json. Neither file says how to normalise or pre-split; the class Qwen2Tokenizer
// does (NFC and the Qwen2 expression), so that is what is used.
#include <charconv>
#include <filesystem>

#include "engine/check.h"
#include "engine/file.h"
#include "engine/text/load_tokenizer.h"

namespace qwench {
namespace {

namespace fs = std::filesystem;

int32_t parse_id(const std::string& text, const std::string& where) {
  int32_t id = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || id < 0)
    fail("added_tokens_decoder: expected an id as key, got {} ({})", in_quotes(text), where);
  return id;
}

void read_added(const fs::path& folder, BpeParts& parts) {
  const std::string where = (folder / "tokenizer_config.json").string();
  std::error_code ignored;
  if (!fs::exists(where, ignored)) return;
  const Json config = parse_json_file(where);
  if (!config.is_object() || !has(config, "added_tokens_decoder")) return;
  const Json& added = config["added_tokens_decoder"];
  if (!added.is_object())
    fail("added_tokens_decoder: expected an object, got {} ({})", describe(added), where);
  for (auto item = added.begin(); item != added.end(); ++item)
    parts.added.push_back(read_added_token(item.value(), parse_id(item.key(), where), where));
}

void read_merges(std::string_view text, const TokenIds& ids, const std::string& where,
                 BpeParts& parts) {
  uint32_t rank = 0;
  bool first = true;
  while (!text.empty()) {
    const size_t newline = text.find('\n');
    std::string_view line = text.substr(0, newline);
    text.remove_prefix(newline == text.npos ? text.size() : newline + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);  // a checkout on Windows
    const bool header = first && line.substr(0, 9) == "#version:";
    first = false;
    if (header || (line.empty() && text.empty())) continue;
    add_merge(ids, line, rank++, where, parts);
  }
}

}  // namespace

std::unique_ptr<Tokenizer> load_vocab_merges(const std::string& folder) {
  const fs::path at(folder);
  const std::string vocab_path = (at / "vocab.json").string(),
                    merges_path = (at / "merges.txt").string();
  BpeParts parts;
  read_added(at, parts);
  const Json vocab = parse_json_file(vocab_path, kTokenizerLimits);
  const TokenIds ids = read_vocab(vocab, vocab_path, parts);
  read_merges(read_file(merges_path, kMaxTokenizerBytes), ids, merges_path, parts);
  return std::make_unique<ByteLevelBpe>(std::move(parts), vocab_path);
}

}  // namespace qwench
