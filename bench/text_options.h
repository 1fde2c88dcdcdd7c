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
  std::optional<double> temperature, top_p, min_p, repetition_penalty, presence_penalty;
  std::optional<int64_t> top_k;
};

/// --greedy --ignore-eos --temperature --top-k --top-p --min-p --repetition-penalty
/// --presence-penalty.
void add_sampling_options(CLI::App& command, SamplingOptions& options);

struct TemplateOptions {
  std::string thinking, chat_template;  // "": what the template does without, the model's template
};

/// --thinking on|off and --chat-template.
void add_template_options(CLI::App& command, TemplateOptions& options);

struct TextModel {
  std::unique_ptr<Tokenizer> tokenizer;  // null: the model has none
  SamplerOptions sampling;
  std::vector<int32_t> stop_ids;  // empty with --ignore-eos
  int64_t emit_limit = 0;         // only ids below may be chosen

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

/// How a model's conversations are rendered, settled once.
struct ChatForm {
  ChatTemplate chat_template;
  Thinking thinking;

  std::string render(const std::vector<Message>& messages) const {
    return render_chat(chat_template, messages, true, thinking);
  }
};
/// The template asked for, or that of the model. UsageError, Error on one that is not known.
ChatForm chat_form(const TemplateOptions& options, const std::string& folder,
                   const ModelConfig& config);

}  // namespace qwench::bench
