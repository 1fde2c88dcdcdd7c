// What all tokenizers share: decoding, and finding the loader for a path.
#include "engine/text/tokenizer.h"

#include <algorithm>
#include <filesystem>

#include "engine/base/check.h"
#include "engine/base/file.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/text/load_gguf.h"
#include "engine/text/load_tokenizer.h"
#include "engine/text/utf8.h"

namespace qwench {
namespace {

namespace fs = std::filesystem;

bool is_file(const fs::path& path) {
  std::error_code ignored;  // what cannot be looked at is not there; opening it says why
  return fs::is_regular_file(path, ignored);
}

std::unique_ptr<Tokenizer> open_folder(const fs::path& folder) {
  const auto beside = [&] { return read_tokenizer_settings(folder.string()); };
  const fs::path json = folder / "tokenizer.json", tiktoken = folder / "qwen.tiktoken",
                 model = folder / "tokenizer.model";
  if (is_file(json))
    return load_tokenizer_json(read_file(json.string(), kMaxTokenizerBytes), json.string(),
                               beside());
  const bool vocab = is_file(folder / "vocab.json"), merges = is_file(folder / "merges.txt");
  if (vocab && merges) return load_vocab_merges(folder.string());
  if (is_file(tiktoken)) return load_tiktoken(tiktoken.string(), beside());
  if (is_file(model)) return load_sentencepiece(model.string(), beside());
  if (vocab != merges) {
    fail(
        "tokenizer: expected both vocab.json and merges.txt, got only {} ({}); copy the other one "
        "too",
        vocab ? "vocab.json" : "merges.txt", folder.string());
  }
  return nullptr;
}

}  // namespace

std::unique_ptr<Tokenizer> open_tokenizer(const std::string& model) {
  const std::string path = model_source(model);
  const fs::path file(path);
  std::error_code ignored;
  if (fs::is_directory(file, ignored)) return open_folder(file);
  const std::string name = file.filename().string();
  if (name == "vocab.json" || name == "merges.txt") {
    return load_vocab_merges(file.has_parent_path() ? file.parent_path().string() : ".");
  }
  const std::string kind = file.extension().string();
  if (kind == ".json") return load_tokenizer_json(read_file(path, kMaxTokenizerBytes), path);
  if (kind == ".tiktoken") return load_tiktoken(path);
  if (kind == ".model") return load_sentencepiece(path);
  if (is_gguf_file(path)) return load_gguf_tokenizer(read_gguf_header(path));
  fail(
      "tokenizer: expected a folder, tokenizer.json, vocab.json, *.tiktoken, *.model or a GGUF "
      "file, got {}",
      path);
}

std::vector<TextPart> split_parts(std::string_view text, const std::vector<TextRange>& literal) {
  std::vector<TextPart> parts;
  size_t at = 0;
  const auto add = [&](size_t end, bool is_literal) {
    if (end > at) parts.push_back({text.substr(at, end - at), is_literal});
    at = end;
  };
  for (const TextRange& range : literal) {
    QWENCH_CHECK(at <= range.begin && range.begin <= range.end && range.end <= text.size());
    add(range.begin, false);
    add(range.end, true);
  }
  add(text.size(), false);
  return parts;
}

std::vector<int32_t> Tokenizer::encode(std::string_view text, bool parse_special) const {
  if (parse_special) return encode_parts(text, {});
  return encode_parts(text, {{0, text.size()}});
}

std::vector<int32_t> Tokenizer::encode_framed(std::string_view text) const {
  std::vector<int32_t> ids = encode(text);
  ids.insert(ids.begin(), framing_.before.begin(), framing_.before.end());
  ids.insert(ids.end(), framing_.after.begin(), framing_.after.end());
  return ids;
}

void Tokenizer::set_framing(Framing framing, std::string_view where) {
  for (const auto* ids : {&framing.before, &framing.after})
    for (const int32_t id : *ids)
      if (id < 0 || id >= size())
        fail("{}: it puts the id {} around a text, expected one from 0 to {}", where, id,
             size() - 1);
  framing_ = std::move(framing);
}

std::string Tokenizer::decode(const std::vector<int32_t>& ids, bool skip_special) const {
  std::string bytes;
  for (const int32_t id : ids) {
    if (!skip_special || !is_special(id)) bytes += token_bytes(id);
  }
  return replace_invalid_utf8(bytes);
}

std::string StreamDecoder::push(int32_t id) {
  if (skip_special_ && tokenizer_.is_special(id)) return "";
  pending_ += tokenizer_.token_bytes(id);
  // Only the last 3 bytes can be the start of a character that later bytes complete. The walk back
  // stops at the first byte that is not a continuation: what is cut off can only begin there.
  size_t begin = pending_.size();
  const size_t first = begin - std::min<size_t>(begin, 3);
  while (begin > first) {
    const uint8_t byte = uint8_t(pending_[--begin]);
    if ((byte & 0xC0) != 0x80) break;
  }
  size_t complete = pending_.size();
  if (begin < pending_.size()) {
    const Utf8Step step = read_utf8(pending_, begin);
    if (step.kind == Utf8Step::kCutOff) complete = begin;
  }
  const std::string text = replace_invalid_utf8(std::string_view(pending_).substr(0, complete));
  pending_.erase(0, complete);
  return text;
}

std::string StreamDecoder::finish() {
  const std::string text = replace_invalid_utf8(pending_);
  pending_.clear();
  return text;
}

}  // namespace qwench
