// qwen.tiktoken: `base64(token) rank` lines. Ranks are ids and merge order at once, and the merges
// are not written down: two neighbours merge when their concatenation is a token, lowest rank
// first.
#include <charconv>
#include <filesystem>
#include <unordered_map>

#include "engine/base/check.h"
#include "engine/base/file.h"
#include "engine/text/load_tokenizer.h"

namespace qwench {
namespace {

constexpr int64_t kMaxFile = 16 << 20;  // the published file: 2.5 MB
constexpr const char* kPublishedName = "qwen.tiktoken";
constexpr size_t kPublishedRanks = 151643;

// Ids from the last rank on, as Qwen2, 2.5 and 3 have them; the first 14 are special.
constexpr const char* kAdded[] = {"<|endoftext|>",
                                  "<|im_start|>",
                                  "<|im_end|>",
                                  "<|object_ref_start|>",
                                  "<|object_ref_end|>",
                                  "<|box_start|>",
                                  "<|box_end|>",
                                  "<|quad_start|>",
                                  "<|quad_end|>",
                                  "<|vision_start|>",
                                  "<|vision_end|>",
                                  "<|vision_pad|>",
                                  "<|image_pad|>",
                                  "<|video_pad|>",
                                  "<tool_call>",
                                  "</tool_call>",
                                  "<|fim_prefix|>",
                                  "<|fim_middle|>",
                                  "<|fim_suffix|>",
                                  "<|fim_pad|>",
                                  "<|repo_name|>",
                                  "<|file_sep|>",
                                  "<tool_response>",
                                  "</tool_response>",
                                  "<think>",
                                  "</think>"};
constexpr size_t kSpecial = 14;

int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/// Strict: whole groups of four, padding only at the end.
bool decode_base64(std::string_view text, std::string& bytes) {
  bytes.clear();
  if (text.empty() || text.size() % 4 != 0) return false;
  size_t padding = text.back() == '=' ? 1 : 0;
  if (padding && text[text.size() - 2] == '=') padding = 2;
  uint32_t group = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const int digit = i + padding >= text.size() ? 0 : base64_digit(text[i]);
    if (digit < 0) return false;
    group = group << 6 | uint32_t(digit);
    if (i % 4 != 3) continue;
    for (const int shift : {16, 8, 0}) bytes += char(group >> shift & 0xFF);
    group = 0;
  }
  bytes.erase(bytes.size() - padding);
  return true;
}

/// One line into parts.tokens.
void read_line(std::string_view line, size_t number, size_t most, const std::string& where,
               BpeParts& parts) {
  std::string bytes;
  const size_t space = line.find(' ');
  if (space == line.npos || !decode_base64(line.substr(0, space), bytes))
    fail("line {}: expected `base64 rank`, got {} ({})", number, in_quotes(line), where);
  const std::string_view digits = line.substr(space + 1);
  size_t rank = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), rank);
  if (error != std::errc() || end != digits.data() + digits.size() || rank >= most)
    fail("line {}: expected a rank from 0 to {}, got {} ({})", number, most - 1, in_quotes(digits),
         where);
  check_token_length(bytes.size(), int64_t(rank), where);
  if (parts.tokens.size() <= rank) parts.tokens.resize(rank + 1);
  if (!parts.tokens[rank].empty())
    fail("line {}: rank {} is there twice ({})", number, rank, where);
  parts.tokens[rank] = std::move(bytes);
}

void read_lines(std::string_view text, const std::string& where, BpeParts& parts) {
  const size_t most = text.size() / 7 + 1;  // the shortest line, "IQ== 0\n", has 7 bytes
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t newline = text.find('\n');
    std::string_view line = text.substr(0, newline);
    text.remove_prefix(newline == text.npos ? text.size() : newline + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty() && text.empty()) break;
    read_line(line, number, most, where, parts);
  }
}

/// Every way to cut a token into two tokens is a merge of its rank: exactly tiktoken's rule.
void find_merges(const std::string& where, BpeParts& parts) {
  std::unordered_map<std::string_view, int32_t> ids;
  ids.reserve(parts.tokens.size());
  for (size_t id = 0; id < parts.tokens.size(); ++id) {
    const std::string& token = parts.tokens[id];
    if (!token.empty() && !ids.emplace(token, int32_t(id)).second)
      fail("rank {}: token {} is there twice ({})", id, in_quotes(token), where);
  }
  parts.merges.reserve(parts.tokens.size() * 2);
  for (size_t id = 0; id < parts.tokens.size(); ++id) {
    const std::string_view token = parts.tokens[id];
    for (size_t cut = 1; cut < token.size(); ++cut) {
      const auto left = ids.find(token.substr(0, cut));
      if (left == ids.end()) continue;
      const auto right = ids.find(token.substr(cut));
      if (right == ids.end()) continue;
      // Two cuts of one token are two pairs, and a pair has one concatenation: never there before.
      parts.merges.insert(left->second, right->second, {uint32_t(id), int32_t(id)});
    }
  }
}

}  // namespace

std::unique_ptr<Tokenizer> load_tiktoken(const std::string& path, const TokenizerSettings& beside) {
  BpeParts parts;
  read_lines(read_file(path, kMaxFile), path, parts);
  find_merges(path, parts);
  const size_t ranks = parts.tokens.size();
  if (std::filesystem::path(path).filename() == kPublishedName && ranks != kPublishedRanks)
    fail(
        "{}: expected the {} ranks of Qwen, after which its added tokens come, got {}; the file is "
        "cut off, copy it again",
        path, kPublishedRanks, ranks);
  for (size_t i = 0; i < std::size(kAdded); ++i)
    parts.added.push_back({int32_t(ranks + i), kAdded[i], i < kSpecial, false});
  add_named_tokens(beside, Json::object(), parts);
  auto tokenizer = std::make_unique<ByteLevelBpe>(std::move(parts), path);
  tokenizer->set_framing(framing_of(beside, *tokenizer), beside.where);
  return tokenizer;
}

}  // namespace qwench
