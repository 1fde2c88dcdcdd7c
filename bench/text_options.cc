// Precedence: command line, then the model (generation_config.json, or the keys of a GGUF file), then
// "off".
#include "bench/text_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>

namespace qwench::bench {

namespace {

SamplerOptions settle(const SamplingOptions& o, SamplerOptions base, uint64_t seed) {
  if (o.greedy) {
    base = SamplerOptions();
    base.greedy = true;
  }
  // Asking for a temperature is asking for sampling, whatever the file's do_sample says.
  if (o.temperature) base.temperature = *o.temperature, base.greedy = false;
  if (o.top_k) base.top_k = *o.top_k;
  if (o.top_p) base.top_p = *o.top_p;
  if (o.min_p) base.min_p = *o.min_p;
  if (o.repetition_penalty) base.repetition_penalty = *o.repetition_penalty;
  if (o.presence_penalty) base.presence_penalty = *o.presence_penalty;
  const bool shaped = o.top_k || o.top_p || o.min_p || o.repetition_penalty || o.presence_penalty;
  if (shaped) base.greedy = false;
  base.seed = seed;
  if (const std::string wrong = describe_invalid(base); !wrong.empty()) fail_usage("{}", wrong);
  return base;
}

Thinking parse_thinking(const std::string& text) {
  if (text.empty()) return Thinking::kDefault;
  return text == "on" ? Thinking::kOn : Thinking::kOff;  // CLI11 admits nothing else
}

}  // namespace

void add_sampling_options(CLI::App& command, SamplingOptions& o) {
  CLI::Option* greedy =
      command.add_flag("--greedy", o.greedy, "The plain argmax: no penalty, no file");
  command.add_option("--temperature", o.temperature, "0: the most likely token")->excludes(greedy);
  command.add_option("--top-k", o.top_k, "Only the k likeliest; 0: all")->excludes(greedy);
  command.add_option("--top-p", o.top_p, "Only the likeliest that make up p")->excludes(greedy);
  command.add_option("--min-p", o.min_p, "Only those of p times the likeliest")->excludes(greedy);
  command.add_option("--repetition-penalty", o.repetition_penalty, "1: off")->excludes(greedy);
  command.add_option("--presence-penalty", o.presence_penalty, "0: off")->excludes(greedy);
  command.add_flag("--ignore-eos", o.ignore_eos, "Go on after an end-of-text token");
}

void add_template_options(CLI::App& command, TemplateOptions& o) {
  command.add_option("--thinking", o.thinking, "on or off (default: what the template does)")
      ->check(CLI::IsMember({"on", "off"}));
  command.add_option("--chat-template", o.chat_template,
                     "qwen2, qwen2.5, qwen3 or chatml (default: the model's)");
}

const Tokenizer& TextModel::require_tokenizer(const std::string& option,
                                              const std::string& model) const {
  if (!tokenizer)
    fail_usage(
        "{}: expected a tokenizer in {}, found none (tokenizer.json, vocab.json + merges.txt, "
        "qwen.tiktoken or tokenizer.model; tokenizer.ggml.* in a GGUF file); use --tokens with "
        "token ids",
        option, model);
  return *tokenizer;
}

std::string TextModel::plain_text(const std::vector<int32_t>& ids) const {
  std::vector<int32_t> known;
  for (int32_t id : ids)
    if (has_text(id)) known.push_back(id);
  return tokenizer->decode(known, true);
}

TextModel open_text(const ModelOptions& model, const Checkpoint& checkpoint,
                    const SamplingOptions& options) {
  TextModel text;
  GenerationConfig defaults;
  defaults.sampling.greedy = true;
  if (!checkpoint.is_random()) {
    text.tokenizer = open_tokenizer(model.model);
    defaults = read_generation_config(model.model);
  }
  const ModelConfig& config = checkpoint.config();
  text.sampling = settle(options, defaults.sampling, model.seed);
  if (!options.ignore_eos)
    text.stop_ids = defaults.eos_ids.empty() ? config.eos_ids : defaults.eos_ids;
  // Padding rows are never sampled. --greedy is the plain argmax over all rows, as the reference
  // computes it, so that the two can be compared id by id.
  text.emit_limit = config.vocab;
  if (text.tokenizer && !options.greedy)
    text.emit_limit = std::min<int64_t>(config.vocab, text.tokenizer->size());
  return text;
}

ChatForm chat_form(const TemplateOptions& options, const std::string& folder,
                   const ModelConfig& config) {
  return {options.chat_template.empty() ? detect_chat_template(folder, config.model_type)
                                        : parse_chat_template(options.chat_template),
          parse_thinking(options.thinking)};
}

}  // namespace qwench::bench
