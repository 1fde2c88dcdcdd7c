// `qwench chat`: a conversation on stdin and stdout. The prompt of every turn is rendered anew;
// what it shares with the keys and values already there is not computed again.
#include <CLI/CLI.hpp>
#include <iostream>

#include "bench/commands.h"
#include "bench/generate.h"
#include "bench/kernels/kernel_command.h"
#include "bench/model/default_model.h"
#include "bench/support/exit_code.h"
#include "bench/support/interrupt.h"
#include "bench/support/number_option.h"
#include "bench/support/output.h"

namespace qwench::bench {

namespace {

constexpr int64_t kDefaultContext = 4096;

struct ChatOptions {
  ModelOptions model;
  SamplingOptions sampling;
  TemplateOptions form;
  std::string system;
  int64_t max_new = 1024;
};

class Chat {
 public:
  Chat(const ChatOptions& options, const ChatForm& form, const LoadedModel& loaded,
       const TextModel& text, Session& session)
      : options_(options), form_(form), loaded_(loaded), text_(text), session_(session) {
    clear();
  }

  void clear() {
    messages_.clear();
    if (!options_.system.empty()) messages_.push_back({"system", options_.system, {}});
  }

  /// Answers one line of the user; the answer streams to stdout.
  void answer(const std::string& line) {
    messages_.push_back({"user", line, {}});
    const std::vector<int32_t> prompt = text_.tokenizer->encode(form_.render(messages_));
    const int64_t room = session_.capacity() - int64_t(prompt.size());
    if (room <= 0) {
      messages_.pop_back();
      note(
          fmt::format("the conversation needs {} tokens, the context holds {}: /clear starts anew, "
                      "--ctx makes it larger",
                      prompt.size(), session_.capacity()));
      return;
    }
    const int64_t cached = reuse(prompt);
    StreamDecoder decoder(*text_.tokenizer);
    GenerateArgs args{session_, *loaded_.backend,
                      text_,    prompt,
                      cached,   std::min(room, options_.max_new),
                      nullptr,  {}};
    args.on_token = [&](int32_t id) {
      if (text_.has_text(id)) print(decoder.push(id));
    };
    const InterruptGuard guard;
    const Generated generated = generate(args);
    print(decoder.finish() + "\n");
    note(stats_line(generated));
    messages_.push_back({"assistant", text_.plain_text(generated.ids), {}});
    cached_ids_.assign(generated.history.begin(), generated.history.begin() + session_.length(0));
  }

 private:
  /// Cuts the cache back to what it shares with the prompt. One token is always left to compute.
  int64_t reuse(const std::vector<int32_t>& prompt) {
    size_t same = 0;
    while (same < cached_ids_.size() && same + 1 < prompt.size() &&
           cached_ids_[same] == prompt[same])
      ++same;
    session_.truncate(0, int64_t(same));
    cached_ids_.resize(same);
    return int64_t(same);
  }

  const ChatOptions& options_;
  const ChatForm& form_;
  const LoadedModel& loaded_;
  const TextModel& text_;
  Session& session_;
  std::vector<Message> messages_;
  std::vector<int32_t> cached_ids_;  // the ids whose keys and values the session holds
};

SessionOptions plan_session(const ChatOptions& o, const ModelConfig& config) {
  int64_t capacity = o.model.capacity ? o.model.capacity : kDefaultContext;
  if (!o.model.capacity && config.max_positions > 0)
    capacity = std::min(capacity, config.max_positions);
  return session_options(o.model, 1, capacity);
}

int run_chat(ChatOptions o) {
  if (wants_kernel_list(o.model)) return print_kernel_list(o.model);
  use_default_model(o.model);
  const std::unique_ptr<Checkpoint> checkpoint = open_model(o.model);
  const TextModel text = open_text(o.model, *checkpoint, o.sampling);
  text.require_tokenizer("chat", o.model.model);
  // A wrong template or role is found here, before the weights are read.
  const ChatForm form = chat_form(o.form, o.model.model, checkpoint->config());
  form.render({{"user", "", {}}});
  const SessionOptions plan = plan_session(o, checkpoint->config());
  std::unique_ptr<Backend> backend = make_backend(o.model, o.model.threads);
  const LoadedModel loaded = load_model(o.model, *checkpoint, std::move(backend), plan);
  Session session(loaded.model, plan);
  Chat chat(o, form, loaded, text, session);
  note(fmt::format("context {} tokens; /clear forgets the conversation, /exit or Ctrl-D leaves",
                   session.capacity()));
  for (std::string line; note("> "), std::getline(std::cin, line);) {
    if (line == "/exit") break;
    if (line == "/clear")
      chat.clear();
    else if (!line.empty())
      chat.answer(line);
  }
  return kExitOk;
}

}  // namespace

void add_chat_command(CLI::App& program, Action& chosen) {
  auto o = std::make_shared<ChatOptions>();
  CLI::App* command = program.add_subcommand("chat", "Talk to a model, line by line");
  add_model_options(*command, o->model);
  add_threads_option(*command, o->model);
  add_template_options(*command, o->form);
  add_sampling_options(*command, o->sampling);
  command->add_option("--system", o->system, "System prompt");
  command->add_option("-n,--new-tokens", o->max_new, "Tokens of an answer at most")
      ->transform(number_within(int64_t(1), int64_t(1) << 24))
      ->capture_default_str();
  command->callback([o, &chosen] { chosen = [o] { return run_chat(*o); }; });
}

}  // namespace qwench::bench
