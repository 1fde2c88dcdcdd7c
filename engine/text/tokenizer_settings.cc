// Source of the order and of what is legacy: transformers 5.24, tokenization_utils_base.py and
// tokenization_utils_tokenizers.py. With tokenizer.json they ignore add_bos_token, so that is done
// here too: the post_processor is what counts.
#include "engine/text/tokenizer_settings.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <unordered_map>
#include <unordered_set>

#include "engine/base/affix.h"
#include "engine/base/check.h"
#include "engine/text/load_tokenizer.h"

namespace qwench {
namespace {

namespace fs = std::filesystem;

Json read_object(const fs::path& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return Json::object();
  Json object = parse_json_file(path.string());
  if (!object.is_object()) fail("{}: expected an object, got {}", path.string(), describe(object));
  return object;
}

/// "<s>", or {"content": "<s>", ...} as older files have it. "" for null.
std::string token_text(const Json& value, const std::string& key, const std::string& where) {
  if (value.is_null()) return "";
  if (value.is_object()) return read_string(value, "content", where);
  if (!value.is_string()) fail("{}: expected a token, got {} ({})", key, describe(value), where);
  return value.get<std::string>();
}

void add_special(std::string token, TokenizerSettings& to) {
  if (token.size() > kMaxAddedTokenBytes)
    fail("special token: expected at most {} bytes, got {} ({})", kMaxAddedTokenBytes, token.size(),
         to.where);
  if (!token.empty()) to.special.push_back(std::move(token));
}

/// Every *_token, then the lists.
void read_special(const Json& object, TokenizerSettings& to) {
  for (const auto& [key, value] : object.items()) {
    if (!ends_with(key, "_token") || value.is_boolean()) continue;
    const std::string token = token_text(value, key, to.where);
    if (key == "bos_token") to.bos = token;
    if (key == "eos_token") to.eos = token;
    add_special(token, to);
  }
  for (const char* key : {"additional_special_tokens", "extra_special_tokens"}) {
    if (!has(object, key)) continue;
    const Json& list = object.at(key);
    if (!list.is_array() && !list.is_object())
      fail("{}: expected a list of tokens, got {} ({})", key, describe(list), to.where);
    for (const Json& token : list) add_special(token_text(token, key, to.where), to);
  }
}

int32_t parse_id(const std::string& text, const std::string& where) {
  int32_t id = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id);
  if (error != std::errc() || end != text.data() + text.size() || id < 0)
    fail("added_tokens_decoder: expected an id as key, got {} ({})", in_quotes(text), where);
  return id;
}

void read_decoder(const Json& added, TokenizerSettings& to) {
  if (!added.is_object())
    fail("added_tokens_decoder: expected an object, got {} ({})", describe(added), to.where);
  for (const auto& [id, token] : added.items())
    to.added.push_back(read_added_token(token, parse_id(id, to.where), to.where));
  to.flags_count = true;
}

/// added_tokens.json: {"token": id}. Special are those that another file names.
void read_legacy(const fs::path& path, TokenizerSettings& to) {
  const Json tokens = read_object(path);
  const std::unordered_set<std::string> named(to.special.begin(), to.special.end());
  for (const auto& [token, id] : tokens.items()) {
    const bool special = named.count(token) > 0;
    const Json object = {{"content", token}, {"special", special}, {"normalized", !special}};
    const int64_t value = as_int(id, in_quotes(token), 0, INT32_MAX, path.string());
    to.added.push_back(read_added_token(object, value, path.string()));
  }
}

/// parts.added by content, and the ids that are still free.
class AddedByContent {
 public:
  AddedByContent(const Json& vocab, BpeParts& parts) : vocab_(vocab), parts_(parts) {
    for (size_t i = 0; i < parts.added.size(); ++i) places_.emplace(parts.added[i].content, i);
  }

  /// Null when there is none.
  AddedToken* find(const std::string& content) {
    const auto found = places_.find(content);
    return found == places_.end() ? nullptr : &parts_.added[found->second];
  }
  void add(AddedToken token) {
    places_.emplace(token.content, parts_.added.size());
    if (next_ >= 0) next_ = std::max(next_, int64_t(token.id) + 1);
    parts_.added.push_back(std::move(token));
  }
  /// That of the vocabulary, or the next free one.
  int64_t id_of(const std::string& content, const std::string& where) {
    const auto found = vocab_.find(content);
    if (found != vocab_.end())
      return as_int(*found, "vocab " + in_quotes(content), 0, INT32_MAX, where);
    if (next_ < 0) count_ids();
    return next_;
  }

 private:
  void count_ids() {
    next_ = int64_t(parts_.tokens.size());
    for (const Json& id : vocab_)
      if (id.is_number_integer() && id < INT32_MAX) next_ = std::max(next_, id.get<int64_t>() + 1);
    for (const AddedToken& token : parts_.added) next_ = std::max(next_, int64_t(token.id) + 1);
  }

  const Json& vocab_;
  BpeParts& parts_;
  std::unordered_map<std::string, size_t> places_;
  int64_t next_ = -1;  // not counted yet
};

}  // namespace

TokenizerSettings read_tokenizer_settings(const std::string& folder) {
  const fs::path at(folder);
  TokenizerSettings out;
  out.where = (at / "tokenizer_config.json").string();
  const Json config = read_object(out.where);
  if (has(config, "tokenizer_class"))
    out.tokenizer_class = read_string(config, "tokenizer_class", out.where);
  out.add_bos = read_bool(config, "add_bos_token", false, out.where);
  out.add_eos = read_bool(config, "add_eos_token", false, out.where);
  out.add_prefix_space = read_bool(config, "add_prefix_space", false, out.where);
  out.split_special_tokens = read_bool(config, "split_special_tokens", false, out.where);
  read_special(config, out);
  if (has(config, "added_tokens_decoder")) {
    read_decoder(config.at("added_tokens_decoder"), out);
    return out;
  }
  read_special(read_object(at / "special_tokens_map.json"), out);
  read_legacy(at / "added_tokens.json", out);
  return out;
}

void add_named_tokens(const TokenizerSettings& settings, const Json& vocab, BpeParts& parts) {
  if (settings.add_prefix_space)
    fail(
        "add_prefix_space: expected false, got true ({}); only the tokenizers of Qwen are "
        "supported",
        settings.where);
  if (settings.split_special_tokens)
    fail("split_special_tokens: expected false, got true ({}); set it to false", settings.where);
  AddedByContent added(vocab, parts);
  for (const AddedToken& token : settings.added) {
    AddedToken* known = added.find(token.content);
    if (known && known->id != token.id)
      fail("added token {}: id {} in the tokenizer, {} beside it ({})", in_quotes(token.content),
           known->id, token.id, settings.where);
    if (!known)
      added.add(token);
    else if (settings.flags_count)
      *known = token;
  }
  for (const std::string& name : settings.special) {
    if (AddedToken* known = added.find(name))
      known->special = true;
    else
      added.add({int32_t(added.id_of(name, settings.where)), name, true, false});
  }
}

Framing framing_of(const TokenizerSettings& settings, const Tokenizer& tokenizer) {
  Framing framing;
  const auto add = [&](const char* key, const std::string& name, std::vector<int32_t>& to) {
    if (name.empty()) return;  // as transformers: nothing is added then
    const std::optional<int32_t> id = tokenizer.find(name);
    if (!id)
      fail("{}: it puts {} around a text, which is no added token ({})", key, in_quotes(name),
           settings.where);
    to.push_back(*id);
  };
  if (settings.add_bos) add("add_bos_token", settings.bos, framing.before);
  if (settings.add_eos) add("add_eos_token", settings.eos, framing.after);
  return framing;
}

}  // namespace qwench
