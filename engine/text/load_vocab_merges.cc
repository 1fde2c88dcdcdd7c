// The GPT-2 form: vocab.json {"token": id}, merges.txt with a merge a line, and the added tokens in
// tokenizer_config.json. Neither file says how to normalise or pre-split; the class Qwen2Tokenizer
// does (NFC and the Qwen2 expression), so that is what is used.
#include <filesystem>

#include "engine/base/check.h"
#include "engine/base/file.h"
#include "engine/text/load_tokenizer.h"
#include "engine/text/utf8.h"

namespace qwench {
namespace {

namespace fs = std::filesystem;

/// The class decides how text is cut; without one it is that of Qwen2 to Qwen3.
PreTokenizer rule_of(const TokenizerSettings& settings) {
  const std::string& name = settings.tokenizer_class;
  if (name.empty() || name == "Qwen2Tokenizer" || name == "Qwen2TokenizerFast")
    return PreTokenizer::kQwen2;
  if (name == "Qwen3_5Tokenizer") return PreTokenizer::kQwen35;
  fail(
      "tokenizer_class: expected Qwen2Tokenizer or Qwen3_5Tokenizer, which say how vocab.json and "
      "merges.txt cut text, got {} ({}); save a tokenizer.json with transformers",
      in_quotes(name), settings.where);
}

void read_merges(std::string_view text, const TokenIds& ids, const std::string& where,
                 BpeParts& parts) {
  if (text.substr(0, kByteOrderMark.size()) == kByteOrderMark)
    text.remove_prefix(kByteOrderMark.size());
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
  TokenizerSettings settings = read_tokenizer_settings(folder);
  BpeParts parts;
  parts.rule = rule_of(settings);
  const Json vocab = parse_json_file(vocab_path, kTokenizerLimits);
  // What the class names where no file does.
  if (has(vocab, kTextEnd)) settings.special.emplace_back(kTextEnd);
  add_named_tokens(settings, vocab, parts);
  const TokenIds ids = read_vocab(vocab, vocab_path, parts);
  read_merges(read_file(merges_path, kMaxTokenizerBytes), ids, merges_path, parts);
  check_every_token_is_made(parts, {}, merges_path);
  auto tokenizer = std::make_unique<ByteLevelBpe>(std::move(parts), vocab_path);
  tokenizer->set_framing(framing_of(settings, *tokenizer), settings.where);
  return tokenizer;
}

}  // namespace qwench
