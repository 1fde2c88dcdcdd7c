// The counterpart of save_gguf.cc. The tokenizer is loaded from the GGUF file before it is written and
// from what was written after, so that a folder never gets one that does not open. Form of the files:
// those of Qwen/Qwen2.5 and Qwen/Qwen3 on the Hugging Face hub.
#include "engine/text/save_folder.h"

#include "engine/base/check.h"
#include "engine/text/load_gguf.h"
#include "engine/text/load_tokenizer.h"
#include "engine/text/post_processor.h"
#include "engine/text/utf8.h"

namespace qwench {
namespace {

bool is_added(int64_t type) { return type != kGgufNormal && type != kGgufUnused; }

OrderedJson byte_level() {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", false},
          {"use_regex", false}};
}

OrderedJson pre_tokenizer(PreTokenizer rule) {
  const OrderedJson split = {{"type", "Split"},
                             {"pattern", {{"Regex", regex_of(rule)}}},
                             {"behavior", "Isolated"},
                             {"invert", false}};
  return {{"type", "Sequence"}, {"pretokenizers", OrderedJson::array({split, byte_level()})}};
}

OrderedJson added_tokens(const GgufVocabulary& v) {
  OrderedJson list = OrderedJson::array();
  for (size_t id = 0; id < v.tokens.size(); ++id)
    if (is_added(v.types[id]))
      list.push_back({{"id", id},
                      {"content", v.tokens[id]},
                      {"single_word", false},
                      {"lstrip", false},
                      {"rstrip", false},
                      {"normalized", false},
                      {"special", v.types[id] != kGgufUserDefined}});
  return list;
}

/// An unused token between others keeps its place, since ids have no holes: no merge makes it, so no
/// text does.
OrderedJson bpe_model(const GgufVocabulary& v) {
  OrderedJson::object_t vocab;  // filled as the list it is: adding by key would search it each time
  for (size_t id = 0; id < v.tokens.size(); ++id)
    if (!is_added(v.types[id]))
      vocab.emplace_back(
          v.types[id] == kGgufUnused ? to_byte_alphabet(v.tokens[id]) : std::string(v.tokens[id]),
          id);
  return {{"type", "BPE"},
          {"dropout", nullptr},
          {"unk_token", nullptr},
          {"continuing_subword_prefix", ""},
          {"end_of_word_suffix", ""},
          {"fuse_unk", false},
          {"byte_fallback", false},
          {"ignore_merges", false},
          {"vocab", std::move(vocab)},
          {"merges", v.merges}};
}

std::string tokenizer_json(const GgufVocabulary& v, const Tokenizer& tokenizer) {
  const Framing& framing = tokenizer.framing();
  return OrderedJson{
      {"version", "1.0"},
      {"truncation", nullptr},
      {"padding", nullptr},
      {"added_tokens", added_tokens(v)},
      {"normalizer", {{"type", "NFC"}}},
      {"pre_tokenizer", pre_tokenizer(v.rule)},
      {"post_processor", framing.empty() ? byte_level() : post_processor_json(framing, tokenizer)},
      {"decoder", byte_level()},
      {"model", bpe_model(v)}}
      .dump(2);
}

/// The added token of this id, null where there is none.
OrderedJson added_token(const GgufVocabulary& v, int64_t id) {
  const bool there = id >= 0 && id < int64_t(v.tokens.size()) && is_added(v.types[size_t(id)]);
  return there ? OrderedJson(v.tokens[size_t(id)]) : OrderedJson(nullptr);
}

/// Tokens that are not named are null: left out, Hugging Face's class would add names of its own.
std::string tokenizer_config_json(const GgufHeader& header, const GgufVocabulary& v,
                                  const GenerationConfig& generation) {
  const int64_t eos = generation.eos_ids.empty() ? -1 : generation.eos_ids.front();
  const int64_t pad = header.integer_or("tokenizer.ggml.padding_token_id", -1, 0, INT32_MAX);
  // the class of Qwen2 splits by its own rule, whatever tokenizer.json says
  const bool qwen2 = v.rule == PreTokenizer::kQwen2;
  OrderedJson config = {{"add_prefix_space", false},
                        {"bos_token", nullptr},
                        {"clean_up_tokenization_spaces", false},
                        {"eos_token", added_token(v, eos)},
                        {"errors", "replace"},
                        {"pad_token", added_token(v, pad)},
                        {"split_special_tokens", false},
                        {"tokenizer_class", qwen2 ? "Qwen2Tokenizer" : "PreTrainedTokenizerFast"},
                        {"unk_token", nullptr}};
  const std::string chat = gguf_chat_template(header);
  if (!is_utf8(chat))
    fail("{}: tokenizer.chat_template: expected UTF-8, got other bytes", header.where());
  if (!chat.empty()) config["chat_template"] = chat;
  return config.dump(2);
}

/// Only what the file says; greedy is what Hugging Face does without do_sample.
std::string generation_config_json(const GgufHeader& header, const GenerationConfig& generation) {
  const SamplerOptions& o = generation.sampling;
  OrderedJson config = OrderedJson::object();
  const auto add = [&](const char* key, const char* said, const OrderedJson& value) {
    if (header.find(std::string("general.sampling.") + said)) config[key] = value;
  };
  if (!generation.eos_ids.empty()) config["eos_token_id"] = generation.eos_ids;
  if (!o.greedy) config["do_sample"] = true;
  add("temperature", "temp", o.temperature);
  add("top_k", "top_k", o.top_k);
  add("top_p", "top_p", o.top_p);
  add("min_p", "min_p", o.min_p);
  add("repetition_penalty", "penalty_repeat", o.repetition_penalty);
  return config.dump(2);
}

}  // namespace

std::vector<TextFile> folder_text_files(const GgufHeader& header) {
  const std::unique_ptr<Tokenizer> tokenizer = load_gguf_tokenizer(header);
  if (!tokenizer) return {};
  const GgufVocabulary vocabulary = *read_gguf_vocabulary(header);
  const GenerationConfig generation = read_gguf_generation_config(header);
  std::vector<TextFile> files = {
      {"tokenizer.json", tokenizer_json(vocabulary, *tokenizer) + "\n"},
      {"tokenizer_config.json", tokenizer_config_json(header, vocabulary, generation) + "\n"},
      {"generation_config.json", generation_config_json(header, generation) + "\n"}};
  load_tokenizer_json(files[0].bytes, header.where() + " as tokenizer.json");
  return files;
}

}  // namespace qwench
