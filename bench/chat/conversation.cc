// The answer goes into the conversation as its text, as transformers' users do it, and is tokenised
// again with the next turn.
#include "bench/chat/conversation.h"

#include "bench/model/answer_text.h"
#include "bench/support/interrupt.h"
#include "bench/support/output.h"

namespace qwench::bench {

Conversation::Conversation(ConversationArgs args) : args_(std::move(args)) { clear(); }

void Conversation::clear() {
  messages_.clear();
  if (!args_.system.empty()) messages_.push_back({"system", args_.system, {}});
}

bool Conversation::set_thinking(bool on) {
  if (!args_.form.has_thinking_switch()) return false;
  args_.form.thinking = on ? Thinking::kOn : Thinking::kOff;
  return true;
}

bool Conversation::answer(const std::string& message) {
  messages_.push_back({"user", message, {}});
  const std::vector<int32_t> prompt = args_.form.encode(*args_.text.tokenizer, messages_);
  const int64_t capacity = args_.session.capacity(), room = capacity - int64_t(prompt.size());
  if (room <= 0) {
    messages_.pop_back();
    note(
        fmt::format("the conversation needs {} tokens, the context holds {}: /clear starts anew, "
                    "--ctx makes it larger",
                    prompt.size(), capacity));
    return true;
  }
  AnswerText text(args_.text, true);
  GenerateArgs args{args_.session, *args_.loaded.backend,         args_.text, prompt,
                    reuse(prompt), std::min(room, args_.max_new), nullptr,    {}};
  args.on_token = [&](int32_t id) { return text.push(id); };
  const InterruptGuard guard;
  const Generated generated = generate(args);
  text.finish();
  if (args_.show_stats) note(stats_line(generated));
  if (const std::string why = why_cut(generated, room); !why.empty()) note(why);
  if (generated.ids.empty())
    messages_.pop_back();
  else
    messages_.push_back({"assistant", text.text(), {}});
  cached_ids_.assign(generated.history.begin(),
                     generated.history.begin() + args_.session.length(0));
  return !terminated();
}

std::string Conversation::why_cut(const Generated& generated, int64_t room) const {
  if (generated.end == End::kInterrupted)
    return generated.ids.empty() ? "note: stopped before the answer; the question is taken back"
                                 : "note: stopped; the answer so far stays in the conversation";
  if (generated.end != End::kLength) return {};
  if (room <= args_.max_new)
    return fmt::format(
        "note: the answer was cut: the context of {} tokens is full; /clear starts anew, --ctx "
        "makes "
        "it larger",
        args_.session.capacity());
  return fmt::format("note: the answer was cut at {} tokens; -n allows more", args_.max_new);
}

/// Cuts the cache back to what it shares with the prompt.
int64_t Conversation::reuse(const std::vector<int32_t>& prompt) {
  const int64_t same = reusable(cached_ids_, prompt);
  args_.session.truncate(0, same);
  cached_ids_.resize(size_t(same));
  return same;
}

}  // namespace qwench::bench
