// The counterpart of load_gguf.cc. A folder's tokenizer is loaded first, so what is written here is
// known to be whole.
#include "engine/text/save_gguf.h"

#include <filesystem>
#include <optional>

#include "engine/check.h"
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

void add_vocabulary(const Vocabulary& vocabulary, const char* pre, std::optional<uint32_t> eos,
                    GgufKeys& keys) {
  keys.add_string("tokenizer.ggml.model", "gpt2");
  keys.add_string("tokenizer.ggml.pre", pre);
  keys.add_strings("tokenizer.ggml.tokens", vocabulary.tokens);
  keys.add_i32s("tokenizer.ggml.token_type", vocabulary.types);
  keys.add_strings("tokenizer.ggml.merges", vocabulary.merges);
  if (eos) keys.add_u32("tokenizer.ggml.eos_token_id", *eos);
  if (const auto pad = vocabulary.find("<|endoftext|>")) {
    keys.add_u32("tokenizer.ggml.padding_token_id", *pad);
    keys.add_u32("tokenizer.ggml.bos_token_id", *pad);  // named, never put before a text
  }
  keys.add_bool("tokenizer.ggml.add_bos_token", false);
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
  for (const char* name : {"<|endoftext|>", "<|im_start|>", "<|im_end|>"})
    vocabulary.set(id++, name, kGgufControl, "");
  add_vocabulary(vocabulary, "qwen2", uint32_t(id - 1), keys);
}

/// Which pre-tokenizer a tokenizer.json that loads means. Error where it does no NFC.
const char* pre_of(const Json& root, const std::string& where) {
  if (!has(root, "normalizer"))
    fail("normalizer: expected NFC, got none ({}); GGUF has no key for it", where);
  const Json& split = root.at("pre_tokenizer").at("pretokenizers").at(0);
  const auto rule =
      find_pretokenizer(split.at("pattern").at("Regex").get_ref<const std::string&>());
  return rule == PreTokenizer::kQwen35 ? "qwen35" : "qwen2";
}

Vocabulary read_vocabulary(const Json& root, int64_t vocab, const std::string& where) {
  Vocabulary out(vocab);
  const Json& model = root.at("model");
  for (const auto& [token, id] : model.at("vocab").items())
    out.set(id.get<int64_t>(), token, kGgufNormal, where);
  if (has(root, "added_tokens"))
    for (const Json& token : root.at("added_tokens"))
      out.set(token.at("id").get<int64_t>(), token.at("content").get<std::string>(),
              read_bool(token, "special", false, where) ? kGgufControl : kGgufUserDefined, where);
  for (const Json& merge : model.at("merges"))
    out.merges.push_back(merge.is_string()
                             ? merge.get<std::string>()
                             : merge[0].get<std::string>() + " " + merge[1].get<std::string>());
  return out;
}

void add_sampling(const SamplerOptions& o, GgufKeys& keys) {
  if (o.greedy) return;
  keys.add_f32("general.sampling.temp", float(o.temperature));
  if (o.top_k > 0) keys.add_i32("general.sampling.top_k", int32_t(o.top_k));
  if (o.top_p < 1) keys.add_f32("general.sampling.top_p", float(o.top_p));
  if (o.min_p > 0) keys.add_f32("general.sampling.min_p", float(o.min_p));
  if (o.repetition_penalty != 1)
    keys.add_f32("general.sampling.penalty_repeat", float(o.repetition_penalty));
}

void add_folder(const std::string& folder, const ModelConfig& config, GgufKeys& keys) {
  const std::string where = (fs::path(folder) / "tokenizer.json").string();
  if (!open_tokenizer(folder)) return add_placeholder(config, keys);
  std::error_code ignored;
  if (!fs::exists(where, ignored))
    fail(
        "{}: expected tokenizer.json beside the weights, got another tokenizer; save it with "
        "transformers' AutoTokenizer",
        folder);
  const Json root = parse_json_file(where, kTokenizerLimits);
  const GenerationConfig generation = read_generation_config(folder);
  const std::vector<int32_t>& ends =
      generation.eos_ids.empty() ? config.eos_ids : generation.eos_ids;
  add_sampling(generation.sampling, keys);
  add_vocabulary(read_vocabulary(root, config.vocab, where), pre_of(root, where),
                 ends.empty() ? std::nullopt : std::optional<uint32_t>(uint32_t(ends.front())),
                 keys);
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

}  // namespace qwench
