// The tokenizer, chat template and sampling defaults that a GGUF file carries. Source of the keys:
// what llama.cpp's converter writes (gguf-py/gguf/constants.py). Three things are not in the file:
// NFC (llama.cpp leaves it out, Hugging Face does it for every Qwen), whether to sample at all, and
// all but one of the ids that end a text; the turn ends of Qwen are found by their names.
#include "engine/text/load_gguf.h"

#include <algorithm>

#include "engine/base/check.h"
#include "engine/text/load_tokenizer.h"
#include "engine/text/utf8.h"

namespace qwench {
namespace {

constexpr const char* kModel = "tokenizer.ggml.model";
constexpr const char* kPre = "tokenizer.ggml.pre";
constexpr const char* kTokens = "tokenizer.ggml.tokens";
constexpr const char* kTypes = "tokenizer.ggml.token_type";
constexpr const char* kMerges = "tokenizer.ggml.merges";
constexpr const char* kChatTemplate = "tokenizer.chat_template";

std::string place(const GgufHeader& header, const char* key) {
  return header.place(*header.find(key));
}

/// Files from before 2024-05 have no such key; the architecture is Qwen's, so the rule is too.
PreTokenizer read_rule(const GgufHeader& header) {
  if (!header.find(kPre)) return PreTokenizer::kQwen2;
  const std::string_view pre = header.string(kPre);
  if (pre == "qwen2" || pre == "deepseek-r1-qwen") return PreTokenizer::kQwen2;
  if (pre == "qwen35") return PreTokenizer::kQwen35;
  fail("{}: expected 'qwen2' or 'qwen35', got {}; only the tokenizers of Qwen are supported",
       place(header, kPre), in_quotes(pre));
}

/// Types as the file has them, but for Qwen's control tokens, which are no ordinary ones.
std::vector<int64_t> read_types(const GgufHeader& header,
                                const std::vector<std::string_view>& tokens) {
  std::vector<int64_t> types(tokens.size(), kGgufNormal);
  if (header.find(kTypes)) types = header.integers(kTypes, 0, INT32_MAX);
  if (types.size() != tokens.size())
    fail("{}: expected {} types as there are tokens, got {}", place(header, kTypes), tokens.size(),
         types.size());
  for (size_t id = 0; id < tokens.size(); ++id)
    if (types[id] == kGgufNormal && is_control_name(tokens[id])) types[id] = kGgufControl;
  return types;
}

void add_token(std::string_view token, int64_t type, int32_t id, const std::string& where,
               BpeParts& parts) {
  if (!is_utf8(token)) fail("token {}: expected UTF-8, got {} ({})", id, in_quotes(token), where);
  check_token_length(token.size(), id, where);
  std::string& bytes = parts.tokens[size_t(id)];
  switch (type) {
    case kGgufNormal:
      if (!from_byte_alphabet(token, bytes))
        fail("token {}: not spelled in the byte alphabet of GPT-2, {} ({})", id, in_quotes(token),
             where);
      check_token_length(bytes.size(), id, where);
      return;
    case kGgufUnknown:
    case kGgufControl:
    case kGgufUserDefined:
      parts.added.push_back({id, std::string(token), type != kGgufUserDefined, false});
      return;
    case kGgufUnused: bytes = token; return;  // never encoded: no merge makes it
    default:
      fail(
          "token {} {}: expected type 1 to 5 (normal, unknown, control, user-defined, unused), got "
          "{} ({})",
          id, in_quotes(token), type, where);
  }
}

/// add_bos_token with bos_token_id, add_eos_token with eos_token_id.
void read_framing(const GgufHeader& header, const char* add, const char* id,
                  std::vector<int32_t>& to) {
  if (!header.find(add) || !header.boolean(add)) return;
  if (!header.find(id))
    fail("{}: it is true, expected {} beside it, which is missing", place(header, add), id);
  to.push_back(int32_t(header.integer(id, 0, INT32_MAX)));
}

/// Padding at the end of the vocabulary is no part of the tokenizer.
size_t used_tokens(const std::vector<int64_t>& types) {
  const auto last =
      std::find_if(types.rbegin(), types.rend(), [](int64_t type) { return type != kGgufUnused; });
  return size_t(types.rend() - last);
}

/// The id of a key, or of a control token by its name; put at the end unless it is there.
void add_end(int32_t id, std::vector<int32_t>& ends) {
  if (std::find(ends.begin(), ends.end(), id) == ends.end()) ends.push_back(id);
}

SamplerOptions read_sampling(const GgufHeader& header) {
  constexpr double kAny = 1e308;  // describe_invalid() knows the real ranges
  SamplerOptions o;
  const auto number = [&](const char* key, double fallback) {
    return header.number_or(key, fallback, -kAny, kAny);
  };
  o.greedy = true;  // a file that does not ask for a draw means greedy, as a folder does
  for (const char* key : {"temp", "top_k", "top_p", "min_p"})
    if (header.find("general.sampling." + std::string(key))) o.greedy = false;
  o.temperature = number("general.sampling.temp", o.temperature);
  o.top_p = number("general.sampling.top_p", o.top_p);
  o.min_p = number("general.sampling.min_p", o.min_p);
  o.repetition_penalty = number("general.sampling.penalty_repeat", o.repetition_penalty);
  // llama.cpp turns top_k off with anything below 1.
  o.top_k = std::max<int64_t>(0, header.integer_or("general.sampling.top_k", 0, -1, INT32_MAX));
  return o;
}

/// general.sampling.* that asks for something that is not done. A key that is no number, or not the
/// one with which it asks for nothing, is named.
void name_the_rest(const GgufHeader& header, GenerationConfig& out) {
  constexpr std::string_view kBegin = "general.sampling.";
  const auto is = [&](const GgufValue& value, double number) {
    const bool numeric = value.kind != GgufKind::kString && value.kind != GgufKind::kArray &&
                         value.kind != GgufKind::kBool;
    return numeric && header.number(value.key, -1e308, 1e308) == number;
  };
  for (const GgufValue& value : header.values()) {
    if (std::string_view(value.key).substr(0, kBegin.size()) != kBegin) continue;
    const std::string_view key = std::string_view(value.key).substr(kBegin.size());
    const bool honoured = key == "temp" || key == "top_k" || key == "top_p" || key == "min_p" ||
                          key == "penalty_repeat";
    // Details of what another key turns on, and the order, which is fixed here.
    const bool detail = key == "mirostat_tau" || key == "mirostat_eta" || key == "xtc_threshold";
    const bool off = ((key == "mirostat" || key == "xtc_probability") && is(value, 0)) ||
                     (key == "penalty_last_n" && is(value, -1));
    if (!honoured && !detail && !off) out.not_honoured.push_back(value.key);
  }
}

}  // namespace

std::optional<GgufVocabulary> read_gguf_vocabulary(const GgufHeader& header) {
  if (!header.find(kModel)) return std::nullopt;
  const std::string_view model = header.string(kModel);
  if (model == "none" || model == "no_vocab") return std::nullopt;
  if (model != "gpt2")
    fail("{}: expected 'gpt2' (byte-level BPE), got {}; only the tokenizers of Qwen are supported",
         place(header, kModel), in_quotes(model));
  GgufVocabulary out;
  out.rule = read_rule(header);
  out.tokens = header.strings(kTokens);
  out.types = read_types(header, out.tokens);
  out.tokens.resize(used_tokens(out.types));
  out.types.resize(out.tokens.size());
  out.merges = header.strings(kMerges);
  return out;
}

std::unique_ptr<Tokenizer> load_gguf_tokenizer(const GgufHeader& header) {
  const std::optional<GgufVocabulary> vocabulary = read_gguf_vocabulary(header);
  if (!vocabulary) return nullptr;
  const auto& [rule, tokens, merges, types] = *vocabulary;
  const std::string where = place(header, kTokens), merges_at = place(header, kMerges);
  BpeParts parts;
  parts.rule = rule;
  parts.tokens.resize(tokens.size());
  TokenIds ids;
  ids.reserve(tokens.size());
  for (size_t id = 0; id < tokens.size(); ++id) {
    add_token(tokens[id], types[id], int32_t(id), where, parts);
    if (!ids.emplace(tokens[id], int32_t(id)).second)
      fail("token {} {}: there twice, also as token {} ({})", id, in_quotes(tokens[id]),
           ids.at(tokens[id]), where);
  }
  parts.merges.reserve(merges.size());
  for (size_t rank = 0; rank < merges.size(); ++rank)
    add_merge(ids, merges[rank], uint32_t(rank), merges_at, parts);
  auto tokenizer = std::make_unique<ByteLevelBpe>(std::move(parts), where);
  std::vector<bool> unused(types.size());
  for (size_t id = 0; id < types.size(); ++id) unused[id] = types[id] == kGgufUnused;
  for (const AddedToken& added : tokenizer->parts().added) unused[size_t(added.id)] = true;
  check_every_token_is_made(tokenizer->parts(), unused, merges_at);
  Framing framing;
  read_framing(header, "tokenizer.ggml.add_bos_token", "tokenizer.ggml.bos_token_id",
               framing.before);
  read_framing(header, "tokenizer.ggml.add_eos_token", "tokenizer.ggml.eos_token_id",
               framing.after);
  tokenizer->set_framing(std::move(framing), header.where());
  return tokenizer;
}

GenerationConfig read_gguf_generation_config(const GgufHeader& header) {
  GenerationConfig out;
  out.where = header.where();
  out.sampling = read_sampling(header);
  name_the_rest(header, out);
  const std::string wrong = describe_invalid(out.sampling);
  if (!wrong.empty()) fail("{}: general.sampling: {}", header.where(), wrong);
  for (const char* key : {"tokenizer.ggml.eos_token_id", "tokenizer.ggml.eot_token_id"})
    if (header.find(key)) add_end(int32_t(header.integer(key, 0, INT32_MAX)), out.eos_ids);
  if (!header.find(kTokens)) return out;
  const std::vector<std::string_view> tokens = header.strings(kTokens);
  const std::vector<int64_t> types = read_types(header, tokens);
  for (const std::string_view name : {kTurnEnd, kTextEnd}) {
    const auto found = std::find(tokens.begin(), tokens.end(), name);
    const size_t id = size_t(found - tokens.begin());
    if (id < tokens.size() && types[id] != kGgufNormal) add_end(int32_t(id), out.eos_ids);
  }
  return out;
}

std::string gguf_chat_template(const GgufHeader& header) {
  return header.find(kChatTemplate) ? std::string(header.string(kChatTemplate)) : "";
}

std::string gguf_named_template(const GgufHeader& header) {
  const std::string begin = std::string(kChatTemplate) + ".";
  for (const GgufValue& value : header.values())
    if (value.key.compare(0, begin.size(), begin) == 0) return value.key;
  return "";
}

}  // namespace qwench
