// The counterpart of load_gguf.cc. A folder's tokenizer is loaded first, so what is written here is
// known to be whole.
#include "engine/text/save_gguf.h"

#include <algorithm>
#include <filesystem>
#include <optional>

#include "engine/base/check.h"
#include "engine/text/chat.h"
#include "engine/text/load_gguf.h"
#include "engine/text/load_tokenizer.h"
#include "engine/text/utf8.h"

namespace qwench {
namespace {

namespace fs = std::filesystem;

struct Vocabulary {
  std::vector<std::string> tokens, merges;
  std::vector<int32_t> types;

  /// Room for `size` tokens; those that nothing fills are padding, named as converters name it.
  explicit Vocabulary(int64_t size) : types(size_t(size), kGgufUnused) {
    for (int64_t id = 0; id < size; ++id) tokens.push_back(fmt::format("[PAD{}]", id));
  }
  void set(int64_t id, std::string token, GgufTokenType type, const std::string& where) {
    if (id < 0 || id >= int64_t(tokens.size()))
      fail("token {}: expected an id below the vocabulary size {}, got {} ({})", in_quotes(token),
           tokens.size(), id, where);
    tokens[size_t(id)] = std::move(token);
    types[size_t(id)] = int32_t(type);
  }
  std::optional<uint32_t> find(std::string_view token) const {
    for (size_t id = 0; id < tokens.size(); ++id)
      if (tokens[id] == token && types[id] == kGgufControl) return uint32_t(id);
    return std::nullopt;
  }
};

/// What is said of some ids; nothing where there is none.
struct TokenRoles {
  std::optional<uint32_t> eos, eot;       // that end a text or a turn
  std::optional<uint32_t> before, after;  // that go around one
};

void add_vocabulary(const Vocabulary& vocabulary, const char* pre, TokenRoles roles,
                    GgufKeys& keys) {
  keys.add_string("tokenizer.ggml.model", "gpt2");
  keys.add_string("tokenizer.ggml.pre", pre);
  keys.add_strings("tokenizer.ggml.tokens", vocabulary.tokens);
  keys.add_i32s("tokenizer.ggml.token_type", vocabulary.types);
  keys.add_strings("tokenizer.ggml.merges", vocabulary.merges);
  if (roles.eos) keys.add_u32("tokenizer.ggml.eos_token_id", *roles.eos);
  if (roles.eot) keys.add_u32("tokenizer.ggml.eot_token_id", *roles.eot);
  const auto pad = vocabulary.find(kTextEnd);
  if (pad) keys.add_u32("tokenizer.ggml.padding_token_id", *pad);
  const auto bos =
      roles.before ? roles.before : pad;  // named; put before a text only if it says so
  if (bos) keys.add_u32("tokenizer.ggml.bos_token_id", *bos);
  keys.add_bool("tokenizer.ggml.add_bos_token", roles.before.has_value());
  if (roles.after) keys.add_bool("tokenizer.ggml.add_eos_token", true);
}

/// What a peer needs to open a model without text: the bytes, one merge, the ends of texts.
void add_placeholder(const ModelConfig& config, GgufKeys& keys) {
  constexpr int64_t kLeast = 256 + 1 + 3;
  if (config.vocab < kLeast) {
    keys.add_string("tokenizer.ggml.model", "none");
    keys.add_u32(config.model_type + ".vocab_size", uint32_t(config.vocab));
    return;
  }
  Vocabulary vocabulary(config.vocab);
  for (int byte = 0; byte < 256; ++byte)
    vocabulary.set(byte, byte_as_letter(uint8_t(byte)), kGgufNormal, "");
  const std::string space = byte_as_letter(' ');
  vocabulary.set(256, space + space, kGgufNormal, "");
  vocabulary.merges.push_back(space + " " + space);
  int64_t id = 257;
  for (const std::string_view name : {kTextEnd, kTurnStart, kTurnEnd})
    vocabulary.set(id++, std::string(name), kGgufControl, "");
  add_vocabulary(vocabulary, "qwen2", {uint32_t(id - 1), {}, {}, {}}, keys);
}

std::vector<MergeTable::Entry> merges_by_rank(const MergeTable& merges) {
  std::vector<MergeTable::Entry> entries = merges.entries();
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return a.merge.rank != b.merge.rank ? a.merge.rank < b.merge.rank : a.left < b.left;
  });
  return entries;
}

/// The tokenizer as keys hold it. Error where GGUF has no key for what it does: no NFC, merges that
/// are no list.
Vocabulary read_vocabulary(const BpeParts& parts, int64_t vocab, const std::string& where) {
  if (!parts.nfc) fail("normalizer: expected NFC, got none ({}); GGUF has no key for it", where);
  Vocabulary out(vocab);
  const auto spelled = [&](int32_t id) { return to_byte_alphabet(parts.tokens[size_t(id)]); };
  for (int32_t id = 0; id < int32_t(parts.tokens.size()); ++id)
    out.set(id, spelled(id), kGgufNormal, where);
  for (const AddedToken& token : parts.added)
    out.set(token.id, token.content, token.special ? kGgufControl : kGgufUserDefined, where);
  for (const MergeTable::Entry& entry : merges_by_rank(parts.merges)) {
    if (entry.merge.rank != out.merges.size())
      fail(
          "{}: expected tokenizer.json, or vocab.json and merges.txt, beside the weights, got "
          "another "
          "tokenizer; save it with transformers' AutoTokenizer",
          where);
    out.merges.push_back(spelled(entry.left) + " " + spelled(entry.right));
  }
  return out;
}

/// The one token that goes before or after a text. Nothing when there is none; Error when several.
std::optional<uint32_t> only_id(const std::vector<int32_t>& ids, const char* key,
                                const std::string& where) {
  if (ids.empty()) return std::nullopt;
  if (ids.size() > 1)
    fail("post_processor: {} tokens around a text, {} of GGUF holds one ({})", ids.size(), key,
         where);
  return uint32_t(ids.front());
}

/// Without a draw only what applies without one: a file with a temperature means sampling.
void add_sampling(const SamplerOptions& o, GgufKeys& keys) {
  if (o.repetition_penalty != 1)
    keys.add_f32("general.sampling.penalty_repeat", float(o.repetition_penalty));
  if (o.greedy) return;
  keys.add_f32("general.sampling.temp", float(o.temperature));
  if (o.top_k > 0) keys.add_i32("general.sampling.top_k", int32_t(o.top_k));
  if (o.top_p < 1) keys.add_f32("general.sampling.top_p", float(o.top_p));
  if (o.min_p > 0) keys.add_f32("general.sampling.min_p", float(o.min_p));
}

TokenRoles roles_of(const Tokenizer& tokenizer, const std::vector<int32_t>& ends,
                    const std::string& where) {
  TokenRoles roles;
  for (const int32_t id : ends) {
    const bool by_name = tokenizer.find(kTurnEnd) == id || tokenizer.find(kTextEnd) == id;
    if (!roles.eos) {
      roles.eos = uint32_t(id);
    } else if (!by_name) {  // those of Qwen are found by their names
      if (roles.eot)
        fail(
            "eos_token_id: {} ids end a text, GGUF holds two that have not the names of Qwen's "
            "({})",
            ends.size(), where);
      roles.eot = uint32_t(id);
    }
  }
  roles.before = only_id(tokenizer.framing().before, "bos_token_id", where);
  roles.after = only_id(tokenizer.framing().after, "eos_token_id", where);
  if (!roles.after) return roles;
  if (roles.eos && roles.eos != roles.after)
    fail(
        "post_processor: it puts token {} after a text, generation ends at {}; GGUF holds one "
        "eos_token_id for both ({})",
        *roles.after, *roles.eos, where);
  roles.eos = roles.after;
  return roles;
}

void add_folder(const std::string& folder, const ModelConfig& config, GgufKeys& keys) {
  const std::unique_ptr<Tokenizer> tokenizer = open_tokenizer(folder);
  if (!tokenizer) return add_placeholder(config, keys);
  const auto* bpe = dynamic_cast<const ByteLevelBpe*>(tokenizer.get());
  if (!bpe)
    fail("{}: expected a byte-level BPE, got a sentencepiece model; GGUF has another form for it",
         folder);
  const GenerationConfig generation = read_generation_config(folder);
  const std::vector<int32_t>& ends =
      generation.eos_ids.empty() ? config.eos_ids : generation.eos_ids;
  add_sampling(generation.sampling, keys);
  add_vocabulary(read_vocabulary(bpe->parts(), config.vocab, folder),
                 bpe->parts().rule == PreTokenizer::kQwen35 ? "qwen35" : "qwen2",
                 roles_of(*tokenizer, ends, folder), keys);
  const std::string chat = read_chat_template(folder);
  if (!chat.empty()) keys.add_string("tokenizer.chat_template", chat);
}

/// Everything but what the writer says itself.
void copy_keys(const GgufHeader& from, GgufKeys& keys) {
  const auto starts = [](const std::string& key, std::string_view with) {
    return key.compare(0, with.size(), with) == 0;
  };
  for (const GgufValue& value : from.values()) {
    const std::string& key = value.key;
    const bool own = key == "general.architecture" || key == "general.type" ||
                     key == "general.alignment" || key == "general.file_type" ||
                     key == "general.quantization_version";
    if (!own && (starts(key, "general.") || starts(key, "tokenizer."))) keys.copy(from, value);
  }
}

}  // namespace

GgufKeys gguf_text_keys(const std::string& source, const ModelConfig& config) {
  GgufKeys keys;
  if (is_gguf_file(source)) {
    copy_keys(read_gguf_header(source), keys);
    return keys;
  }
  fs::path name = fs::path(source).lexically_normal();
  if (!name.has_filename()) name = name.parent_path();  // "folder/"
  if (name.has_filename()) keys.add_string("general.name", name.filename().string());
  std::error_code ignored;
  if (fs::is_directory(source, ignored))
    add_folder(source, config, keys);
  else
    add_placeholder(config, keys);
  return keys;
}

std::vector<std::string> sampling_without_gguf_key(const std::string& source) {
  std::error_code ignored;
  if (!fs::is_directory(source, ignored)) return {};
  const GenerationConfig config = read_generation_config(source);
  const SamplerOptions& o = config.sampling;
  std::vector<std::string> lost;
  if (o.presence_penalty != 0) lost.emplace_back("presence_penalty");
  if (o.min_length > 0) lost.emplace_back("min_length");
  if (o.min_new_tokens > 0) lost.emplace_back("min_new_tokens");
  if (!o.logit_bias.empty()) lost.emplace_back("sequence_bias");
  if (!o.suppressed.empty()) lost.emplace_back("suppress_tokens or bad_words_ids");
  if (!config.stop_strings.empty()) lost.emplace_back("stop_strings");
  return lost;
}

}  // namespace qwench
