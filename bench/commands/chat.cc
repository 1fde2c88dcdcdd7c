// `qwench chat`: a conversation on a terminal, or on stdin and stdout.
#include <CLI/CLI.hpp>

#include "bench/chat/commands.h"
#include "bench/chat/conversation.h"
#include "bench/chat/history_file.h"
#include "bench/chat/line_reader.h"
#include "bench/commands.h"
#include "bench/kernels/kernel_command.h"
#include "bench/model/default_model.h"
#include "bench/support/exit_code.h"
#include "bench/support/number_option.h"
#include "bench/support/output.h"

namespace qwench::bench {

namespace {

constexpr int64_t kDefaultContext = 4096;

struct ChatOptions {
  ModelOptions model;
  SamplingOptions sampling;
  TemplateOptions form;
  std::string system, stats = "on";
  int64_t max_new = 1024;
  bool no_history = false;
};

SessionOptions plan_session(const ChatOptions& o, const ModelConfig& config) {
  int64_t capacity = o.model.capacity ? o.model.capacity : kDefaultContext;
  if (!o.model.capacity && config.max_positions > 0)
    capacity = std::min(capacity, config.max_positions);
  return session_options(o.model, 1, capacity);
}

/// False to leave.
bool obey(const ChatOrder& order, Conversation& conversation) {
  switch (order.command) {
    case ChatCommand::kHelp: note(chat_help()); return true;
    case ChatCommand::kClear:
      conversation.clear();
      note("the conversation starts anew");
      return true;
    case ChatCommand::kStats: conversation.set_stats(order.on); return true;
    case ChatCommand::kExit: return false;
    case ChatCommand::kThink:
      if (!conversation.set_thinking(order.on))
        note("/think: the template of this model has no such switch; Qwen3's has");
      return true;
  }
  return false;
}

/// False when a signal ended it.
bool converse(LineReader& reader, Conversation& conversation) {
  std::string message;
  for (bool several = false;;) {
    const LineEvent event = read_message(reader, message, several);
    if (event == LineEvent::kEnd) return true;
    if (event == LineEvent::kDiscarded) continue;
    const ParsedLine line = several ? ParsedLine{{}, message, {}} : parse_line(message);
    if (line.order || !line.refusal.empty() || !line.text.empty()) reader.remember(message);
    if (!line.refusal.empty()) note(line.refusal);
    if (line.order && !obey(*line.order, conversation)) return true;
    if (!line.text.empty() && !conversation.answer(line.text)) return false;
  }
}

int run_chat(ChatOptions o) {
  if (wants_kernel_list(o.model)) return print_kernel_list(o.model);
  use_default_model(o.model);
  const std::unique_ptr<Checkpoint> checkpoint = open_model(o.model);
  TextModel text = open_text(o.model, *checkpoint, o.sampling);
  text.require_tokenizer("chat", o.model.model);
  end_answers_at_turns(o.sampling, o.model.model, text);
  if (!text.sampling_note.empty()) note(text.sampling_note);
  // A wrong template or role is found here, before the weights are read.
  const ChatForm form = chat_form(o.form, o.model.model, checkpoint->config());
  form.encode(*text.tokenizer, {{"user", "", {}}});
  const SessionOptions plan = plan_session(o, checkpoint->config());
  std::unique_ptr<Backend> backend = make_backend(o.model, o.model.threads);
  const LoadedModel loaded = load_model(o.model, *checkpoint, std::move(backend), plan);
  Session session(loaded.model, plan);
  Conversation conversation({loaded, text, session, form, o.system, o.max_new, o.stats == "on"});
  const std::unique_ptr<LineReader> reader =
      make_line_reader(o.no_history ? "" : default_history_file());
  note(fmt::format("context {} tokens; /help lists commands, Ctrl-D leaves", session.capacity()));
  return converse(*reader, conversation) ? kExitOk : kExitInterrupted;
}

}  // namespace

void add_chat_command(CLI::App& program, Action& chosen) {
  auto o = std::make_shared<ChatOptions>();
  CLI::App* command = program.add_subcommand("chat", "Talk to a model");
  add_model_options(*command, o->model);
  add_threads_option(*command, o->model);
  add_template_options(*command, o->form);
  add_sampling_options(*command, o->sampling);
  command->add_option("--system", o->system, "System prompt");
  command->add_option("-n,--new-tokens", o->max_new, "Tokens of an answer at most")
      ->transform(number_within(int64_t(1), int64_t(1) << 24))
      ->capture_default_str();
  command->add_option("--stats", o->stats, "Speed and memory after every answer: on or off")
      ->check(CLI::IsMember({"on", "off"}))
      ->capture_default_str();
  command->add_flag("--no-history", o->no_history,
                    "Neither read nor write the history of typed lines\n"
                    "(~/.local/state/qwench/chat_history)");
  command->footer("/help in the conversation lists its commands.");
  command->callback([o, &chosen] { chosen = [o] { return run_chat(*o); }; });
}

}  // namespace qwench::bench
