// Precedence: command line, then the model (generation_config.json, or the keys of a GGUF file), then
// "off".
#include "bench/model/text_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "bench/support/number_option.h"
#include "engine/text/utf8.h"

namespace qwench::bench {

namespace {

SamplerOptions settle(const SamplingOptions& o, SamplerOptions base, uint64_t seed) {
  if (o.greedy) {
    base = SamplerOptions();
    base.greedy = true;
  }
  if (o.temperature) base.temperature = *o.temperature;
  if (o.top_k) base.top_k = *o.top_k;
  if (o.top_p) base.top_p = *o.top_p;
  if (o.min_p) base.min_p = *o.min_p;
  if (o.repetition_penalty) base.repetition_penalty = *o.repetition_penalty;
  if (o.presence_penalty) base.presence_penalty = *o.presence_penalty;
  // Shaping the draw is asking for one, whatever the file's do_sample says. A value that shapes
  // nothing asks for nothing, and a penalty has nothing to do with it.
  if (o.temperature.value_or(0) > 0 || o.top_k.value_or(0) > 0 || o.top_p.value_or(1) < 1 ||
      o.min_p.value_or(0) > 0)
    base.greedy = false;
  base.seed = seed;
  if (const std::string wrong = describe_invalid(base); !wrong.empty()) fail_usage("{}", wrong);
  return base;
}

void check_stops(const SamplingOptions& o, const TextModel& text, const std::string& model) {
  if (o.stop.empty()) return;
  text.require_tokenizer("--stop", model);
  for (const std::string& stop : o.stop)
    if (stop.empty() || !is_utf8(stop))
      fail_usage("--stop: expected a text in UTF-8, got {}", in_quotes(stop));
}

std::string note_of(const GenerationConfig& config) {
  if (config.not_honoured.empty()) return {};
  return fmt::format("note: {}: not honoured: {}", config.where,
                     fmt::join(config.not_honoured, ", "));
}

Thinking parse_thinking(const std::string& text) {
  if (text.empty()) return Thinking::kDefault;
  return text == "on" ? Thinking::kOn : Thinking::kOff;  // CLI11 admits nothing else
}

}  // namespace

void add_sampling_options(CLI::App& command, SamplingOptions& o) {
  CLI::Option* greedy =
      command.add_flag("--greedy", o.greedy, "The plain argmax: no penalty, no file");
  // The ranges of describe_invalid() hold for the model's file too.
  const auto add = [&](const char* name, auto& value, const char* help, CLI::Validator number) {
    command.add_option(name, value, help)->transform(std::move(number))->excludes(greedy);
  };
  add("--temperature", o.temperature, "0: the most likely token", finite_number());
  add("--top-k", o.top_k, "Only the k likeliest; 0: all",
      number_within(int64_t(0), int64_t(INT32_MAX)));
  add("--top-p", o.top_p, "Only the likeliest that make up p; 1: all", finite_number());
  add("--min-p", o.min_p, "Only those of p times the likeliest; 0: all", finite_number());
  add("--repetition-penalty", o.repetition_penalty, "1: off", finite_number());
  add("--presence-penalty", o.presence_penalty, "0: off", finite_number());
  command.add_flag("--ignore-eos", o.ignore_eos, "Go on after an end-of-text token");
  command.add_option("--stop", o.stop, "End the answer before this text; repeatable")
      ->allow_extra_args(false);
}

void add_template_options(CLI::App& command, TemplateOptions& o) {
  command.add_option("--thinking", o.thinking, "on or off (default: what the template does)")
      ->check(CLI::IsMember({"on", "off"}));
  command.add_option("--chat-template", o.chat_template,
                     "qwen2, qwen2.5, qwen3 or chatml (default: the model's)");
  command.add_flag("--parse-special", o.parse_special,
                   "Special tokens written in messages are tokens (default: they are text)");
}

const Tokenizer& TextModel::require_tokenizer(const std::string& option,
                                              const std::string& model) const {
  if (!tokenizer)
    fail_usage(
        "{}: expected a tokenizer in {}, found none (tokenizer.json, vocab.json + merges.txt, "
        "qwen.tiktoken or tokenizer.model; tokenizer.ggml.* in a GGUF file); without one there is "
        "`qwench run --tokens` with token ids",
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
  check_stops(options, text, model.model);
  const ModelConfig& config = checkpoint.config();
  text.sampling = settle(options, defaults.sampling, model.seed);
  text.stop_texts = options.stop;
  if (!options.greedy) {
    text.sampling_note = note_of(defaults);
    if (text.tokenizer)
      text.stop_texts.insert(text.stop_texts.end(), defaults.stop_strings.begin(),
                             defaults.stop_strings.end());
  }
  if (!options.ignore_eos)
    text.stop_ids = defaults.eos_ids.empty() ? config.eos_ids : defaults.eos_ids;
  text.sampling.ends = text.stop_ids;
  // Padding rows are never sampled. --greedy is the plain argmax over all rows, as the reference
  // computes it, so that the two can be compared id by id.
  text.emit_limit = config.vocab;
  if (text.tokenizer && !options.greedy)
    text.emit_limit = std::min<int64_t>(config.vocab, text.tokenizer->size());
  return text;
}

std::vector<int32_t> ChatForm::encode(const Tokenizer& tokenizer,
                                      const std::vector<Message>& messages) const {
  const RenderedChat chat = render_chat(chat_template, messages, true, thinking);
  if (parse_special) return tokenizer.encode(chat.text);
  return tokenizer.encode_parts(chat.text, chat.content);
}

void end_answers_at_turns(const SamplingOptions& options, const std::string& model,
                          TextModel& text) {
  for (const std::string_view name : {kTurnStart, kTurnEnd})
    if (!text.tokenizer->find(name))
      fail(
          "chat: expected the token {} in the tokenizer, found none ({}); a model without turns "
          "continues text: qwench run --prompt",
          name, model);
  const int32_t end = *text.tokenizer->find(kTurnEnd);
  const std::vector<int32_t>& stops = text.stop_ids;
  if (options.ignore_eos || std::find(stops.begin(), stops.end(), end) != stops.end()) return;
  text.stop_ids.push_back(end);
  text.sampling.ends = text.stop_ids;
}

ChatForm chat_form(const TemplateOptions& options, const std::string& folder,
                   const ModelConfig& config) {
  const ChatForm form = {options.chat_template.empty()
                             ? detect_chat_template(folder, config.model_type)
                             : parse_chat_template(options.chat_template),
                         parse_thinking(options.thinking), options.parse_special};
  if (!options.thinking.empty() && !form.has_thinking_switch())
    fail_usage(
        "--thinking: expected a template with that switch (qwen3), got another one; leave it out");
  return form;
}

}  // namespace qwench::bench
