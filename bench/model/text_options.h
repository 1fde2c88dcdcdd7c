// The text side of `run` and `chat`: tokenizer, stop ids, and the sampling options over the
// defaults of generation_config.json.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/model/model_options.h"
#include "engine/text/chat.h"
#include "engine/text/sampler.h"
#include "engine/text/tokenizer.h"

namespace CLI {
class App;
}  // namespace CLI

namespace qwench::bench {

/// What the command line says; the rest comes from generation_config.json.
struct SamplingOptions {
  bool greedy = false, ignore_eos = false;
  std::vector<std::string> stop;
  std::optional<double> temperature, top_p, min_p, repetition_penalty, presence_penalty;
  std::optional<int64_t> top_k;
};

/// --greedy --ignore-eos --stop --temperature --top-k --top-p --min-p --repetition-penalty
/// --presence-penalty.
void add_sampling_options(CLI::App& command, SamplingOptions& options);

struct TemplateOptions {
  std::string thinking, chat_template;  // "": what the template does without, the model's template
  bool parse_special = false;
};

/// --thinking on|off, --chat-template and --parse-special.
void add_template_options(CLI::App& command, TemplateOptions& options);

struct TextModel {
  std::unique_ptr<Tokenizer> tokenizer;  // null: the model has none
  SamplerOptions sampling;
  std::vector<int32_t> stop_ids;        // that end a text; empty with --ignore-eos
  std::vector<std::string> stop_texts;  // --stop, and those of the model's file
  std::string sampling_note;            // keys of that file which are not honoured, "" for none
  int64_t emit_limit = 0;               // only ids below may be chosen

  /// True for the ids that have text; the rest pads the vocabulary.
  bool has_text(int32_t id) const { return tokenizer && id < tokenizer->size(); }
  /// The text of generated ids, special tokens and padding skipped.
  std::string plain_text(const std::vector<int32_t>& ids) const;

  /// UsageError that `option` needs a tokenizer, unless there is one.
  const Tokenizer& require_tokenizer(const std::string& option, const std::string& model) const;
};

/// Reads tokenizer and generation_config.json and settles the sampling options.
TextModel open_text(const ModelOptions& model, const Checkpoint& checkpoint,
                    const SamplingOptions& options);

/// How a model's conversations are rendered and tokenised, settled once.
struct ChatForm {
  ChatTemplate chat_template;
  Thinking thinking;
  bool parse_special;  // special tokens written in messages are tokens; else they are text

  bool has_thinking_switch() const { return chat_template == ChatTemplate::kQwen3; }
  std::vector<int32_t> encode(const Tokenizer& tokenizer,
                              const std::vector<Message>& messages) const;
};
/// The template asked for, or that of the model. UsageError, Error on one that is not known.
ChatForm chat_form(const TemplateOptions& options, const std::string& folder,
                   const ModelConfig& config);

/// Makes the end of a turn end the answer, whatever the model's files say ends a text. Error where
/// the tokenizer does not have the tokens that begin and end turns.
void end_answers_at_turns(const SamplingOptions& options, const std::string& model,
                          TextModel& text);

}  // namespace qwench::bench
