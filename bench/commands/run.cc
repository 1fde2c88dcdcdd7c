// `qwench run`: one prompt (ids, text or a conversation), its logits, its continuation, its
// figures.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <optional>

#include "bench/commands.h"
#include "bench/kernels/kernel_command.h"
#include "bench/model/answer_text.h"
#include "bench/model/default_model.h"
#include "bench/model/generate.h"
#include "bench/model/logits_file.h"
#include "bench/model/prompt_text.h"
#include "bench/support/exit_code.h"
#include "bench/support/interrupt.h"
#include "bench/support/list_option.h"
#include "bench/support/number_option.h"
#include "bench/support/output.h"
#include "bench/support/output_file.h"
#include "bench/support/trace_file.h"
#include "engine/model/state_file.h"

namespace qwench::bench {

namespace {

struct RunOptions {
  ModelOptions model;
  SamplingOptions sampling;
  TemplateOptions form;
  std::optional<std::string> tokens, prompt, file, messages, ask;
  int64_t max_new = 128;
  bool json = false;
  std::string logits, trace, load_state, save_state;
};

/// "-" is stdin, what begins with "[" is the JSON itself, anything else a file.
std::vector<Message> messages_from(const std::string& from) {
  const size_t first = from.find_first_not_of(" \t\r\n");
  const bool inline_json = first != from.npos && from[first] == '[';
  if (!inline_json && from != "-") return read_messages(parse_json_file(from), from);
  const std::string where = inline_json ? "--messages" : "stdin";
  return read_messages(parse_json(inline_json ? from : read_stdin(), where), where);
}

/// A question, and the text that it is about below it.
Message question(const RunOptions& o) {
  if (!o.file) {
    if (stdin_is_fed()) note("note: stdin is not read; -f - makes it what the question is about");
    return {"user", *o.ask, {}};
  }
  const std::string text = text_in(*o.file);
  if (text.find_first_not_of(" \t\n") == text.npos)
    note(fmt::format("note: the text of {} is empty", *o.file == "-" ? "stdin" : *o.file));
  return {"user", *o.ask + "\n\n" + text, {}};
}

/// Half a text is another one: a question about it is refused, not answered with nonsense.
void require_positions(const RunOptions& o, const ModelConfig& config, int64_t n_prompt) {
  const int64_t positions = config.usable_positions(), n = n_prompt + o.max_new;
  if (!o.ask || o.model.capacity || positions <= 0 || n <= positions) return;
  fail_usage(
      "--ask: expected at most {} tokens, which the model was made for, got {} of the question and "
      "its text and {} to generate (-n); give about {} % of the text, or --ctx {} to try it all "
      "the "
      "same",
      positions, n_prompt, o.max_new, 100 * std::max<int64_t>(positions - o.max_new, 0) / n_prompt,
      n);
}

std::vector<int32_t> conversation_ids(const RunOptions& o, const Tokenizer& tokenizer,
                                      const ModelConfig& config) {
  ChatForm form = chat_form(o.form, o.model.model, config);
  const std::vector<Message> messages =
      o.messages ? messages_from(*o.messages) : std::vector<Message>{question(o)};
  std::vector<int32_t> ids = form.encode(tokenizer, messages);
  if (form.parse_special) return ids;
  form.parse_special = true;
  if (form.encode(tokenizer, messages) != ids)
    note("note: special tokens written in messages are text; --parse-special makes them tokens");
  return ids;
}

std::string prompt_text(const RunOptions& o) {
  if (o.file) return text_in(*o.file);
  return o.prompt && *o.prompt != "-" ? *o.prompt : text_in("-");
}

std::vector<int32_t> prompt_ids(const RunOptions& o, TextModel& text, const ModelConfig& config) {
  std::vector<int32_t> ids;
  if (o.tokens) {
    // The range of the vocabulary is checked below; here only that they are numbers.
    for (int64_t id : parse_list(*o.tokens, "--tokens", 0, INT32_MAX)) ids.push_back(int32_t(id));
  } else if (o.messages || o.ask) {
    const Tokenizer& tokenizer =
        text.require_tokenizer(o.ask ? "--ask" : "--messages", o.model.model);
    end_answers_at_turns(o.sampling, o.model.model, text);
    ids = conversation_ids(o, tokenizer, config);
  } else if (o.prompt || o.file || o.load_state.empty()) {
    const Tokenizer& tokenizer = text.require_tokenizer("--prompt", o.model.model);
    ids = tokenizer.encode_framed(prompt_text(o));
  }
  if (ids.empty() && o.load_state.empty())
    fail_usage("prompt: expected at least one token, got none");
  check_token_ids(ids, config.vocab);
  return ids;
}

void check_options(const RunOptions& o) {
  const bool file_alone = o.file && !o.ask;  // with --ask it is what the question is about
  const int given = int(o.tokens.has_value()) + int(o.prompt.has_value()) + int(file_alone) +
                    int(o.messages.has_value()) + int(o.ask.has_value());
  if (!o.load_state.empty() && !o.logits.empty())
    fail_usage("--logits: those of tokens that --load-state reads are not computed");
  if (given == 0 && !o.load_state.empty()) return;
  if (given > 1 || (given == 0 && !stdin_is_fed()))
    fail_usage(
        "run: expected one of --ask, --prompt, --file, --messages and --tokens, or a text on "
        "stdin, "
        "got {}",
        given == 0 ? "none" : "several");
  if (o.messages || o.ask) return;
  const char* conversations = "only used with --ask and --messages";
  if (!o.form.thinking.empty()) fail_usage("--thinking: {}", conversations);
  if (!o.form.chat_template.empty()) fail_usage("--chat-template: {}", conversations);
  if (o.form.parse_special)
    fail_usage("--parse-special: {}; special tokens in a prompt are tokens", conversations);
}

/// What --load-state brings: its tokens, and how many of them the prompt begins with.
struct LoadedState {
  std::vector<int32_t> tokens;
  int64_t n_same = 0;
};

/// The prompt goes on from the state as far as they are the same; without a prompt it is the state's own tokens.
/// UsageError where they have not even the first token in common.
LoadedState open_state(const RunOptions& o, std::vector<int32_t>& prompt) {
  LoadedState state;
  if (o.load_state.empty()) return state;
  state.tokens = state_tokens(o.load_state);
  if (prompt.empty()) prompt = state.tokens;
  if (state.tokens.empty() || state.tokens[0] != prompt[0])
    fail_usage("--load-state: expected a state that begins as the prompt does, got {}",
               state.tokens.empty() ? "an empty one"
                                    : fmt::format("one whose first token is {}, not {}",
                                                  state.tokens[0], prompt[0]));
  state.n_same = reusable(state.tokens, prompt);
  return state;
}

SessionOptions plan_session(const RunOptions& o, int64_t n_prompt, const LoadedState& state) {
  SessionOptions session = generation_session(o.model, n_prompt, o.max_new);
  session.capacity = std::max(session.capacity, int64_t(state.tokens.size()));
  if (!o.logits.empty()) session.logit_rows = session.prefill_chunk;
  return session;
}

OrderedJson result_json(const Generated& g, const TextModel& text, const AnswerText& answer) {
  OrderedJson plain = nullptr;
  if (text.tokenizer) plain = answer.text();
  const std::vector<int32_t> prompt(g.history.begin(), g.history.begin() + g.prompt_tokens);
  return {{"prompt_ids", prompt},
          {"ids", g.ids},
          {"text", plain},
          {"finish_reason", name_of(g.end)},
          {"seed", text.sampling.seed},
          {"stats", stats_json(g)}};
}

int run_prompt(RunOptions o) {
  if (wants_kernel_list(o.model)) return print_kernel_list(o.model);
  check_options(o);
  if (!o.logits.empty()) want_exact_kv(o.model);
  check_output(o.trace);
  check_output(o.save_state);
  use_default_model(o.model);
  const std::unique_ptr<Checkpoint> checkpoint = open_model(o.model);
  const ModelConfig& config = checkpoint->config();
  TextModel text = open_text(o.model, *checkpoint, o.sampling);
  if (!text.sampling_note.empty()) note(text.sampling_note);
  std::vector<int32_t> prompt = prompt_ids(o, text, config);
  const LoadedState state = open_state(o, prompt);
  const int64_t n_prompt = int64_t(prompt.size());
  require_positions(o, config, n_prompt);
  const SessionOptions plan = plan_session(o, n_prompt, state);
  std::unique_ptr<Backend> backend = make_backend(o.model, o.model.threads);
  const InterruptGuard guard;  // from here on there may be half a file
  std::optional<LogitsFile> logits;
  if (!o.logits.empty()) logits.emplace(o.logits, n_prompt, config.vocab);
  const std::string warning = position_note(config, n_prompt, o.max_new);
  if (!warning.empty()) note(warning);

  const LoadedModel loaded = load_model(o.model, *checkpoint, std::move(backend), plan);
  Session session(loaded.model, plan);
  if (!o.load_state.empty()) {
    session.load(0, o.load_state);
    session.truncate(0, state.n_same);
  }
  AnswerText answer(text, !o.json);
  const Session::OnLogits on_logits = [&](int64_t first, int64_t n, const float* values) {
    logits->append(first, n, values);
  };
  GenerateArgs args{session, *loaded.backend, text, prompt, state.n_same, o.max_new, nullptr, {}};
  if (logits) args.on_logits = &on_logits;
  args.on_token = [&](int32_t id) { return answer.push(id); };
  std::optional<Trace> trace;
  if (!o.trace.empty()) loaded.backend->trace = &trace.emplace(kTraceEvents);
  const Generated generated = generate(args);
  answer.finish();
  if (trace) write_trace(*trace, o.trace);
  if (logits && generated.prefilled == n_prompt) logits->close();  // half of them are no result
  if (!o.save_state.empty()) session.save(0, o.save_state);
  if (o.json) print(to_text(result_json(generated, text, answer)));
  note(stats_line(generated));
  return generated.end == End::kInterrupted ? kExitInterrupted : kExitOk;
}

}  // namespace

void add_run_command(CLI::App& program, Action& chosen) {
  auto o = std::make_shared<RunOptions>();
  CLI::App* command = program.add_subcommand("run", "Continue a prompt, or write its logits");
  add_model_options(*command, o->model);
  add_threads_option(*command, o->model);
  add_output_option(*command, "--trace", o->trace,
                    "Write the time of every op to this file, for Perfetto");
  command->add_option("--ask", o->ask,
                      "A question to the model, in its chat form; with -f about that text");
  command->add_option("--tokens", o->tokens, "Prompt as token ids: 1,2,3");
  command->add_option(
      "--prompt", o->prompt,
      "Prompt as raw text, no template; special tokens in it are tokens; - is stdin,\n"
      "as is a pipe when no prompt is given");
  command->add_option(
      "-f,--file", o->file,
      "Prompt as raw text in this file, - for stdin; its last line end is left out");
  command->add_option("--messages", o->messages,
                      "Prompt as a JSON array of {\"role\",\"content\"}: a file, - for stdin, or "
                      "the array");
  add_template_options(*command, o->form);
  command->add_option("-n,--new-tokens", o->max_new, "Tokens to generate at most")
      ->transform(number_within(int64_t(0), int64_t(1) << 24))
      ->capture_default_str();
  add_sampling_options(*command, o->sampling);
  add_output_option(*command, "--logits", o->logits,
                    "Write the prompt's logits to this safetensors file");
  command->add_option(
      "--load-state", o->load_state,
      "Go on from a state: what the prompt has in common with it is not computed again;\n"
      "without a prompt from where it ended");
  add_output_option(
      *command, "--save-state", o->save_state,
      "Write the keys and values of prompt and answer to this file, for --load-state");
  command->add_flag("--json", o->json, "One JSON document on stdout");
  command->callback([o, &chosen] { chosen = [o] { return run_prompt(*o); }; });
}

}  // namespace qwench::bench
