// A conversation with a model. The prompt of every turn is rendered anew; what it shares with the
// keys and values already there is not computed again.
#pragma once
#include <string>
#include <vector>

#include "bench/model/generate.h"
#include "bench/model/model_options.h"
#include "bench/model/text_options.h"

namespace qwench::bench {

struct ConversationArgs {
  const LoadedModel& loaded;
  const TextModel& text;  // ends answers at turns
  Session& session;       // one sequence
  ChatForm form;
  std::string system;   // "": none
  int64_t max_new = 0;  // tokens of an answer
  bool show_stats = true;
};

class Conversation {
 public:
  explicit Conversation(ConversationArgs args);

  /// Back to the system prompt.
  void clear();
  /// Answers a message of the user; the answer streams to stdout. Ctrl-C ends the answer. Says on
  /// stderr what it cost, and why it is not whole where it is not. False when the program is to end.
  bool answer(const std::string& message);

  /// False where the template has no such switch.
  bool set_thinking(bool on);
  void set_stats(bool on) { args_.show_stats = on; }

 private:
  int64_t reuse(const std::vector<int32_t>& prompt);
  std::string why_cut(const Generated& generated, int64_t room) const;

  ConversationArgs args_;
  std::vector<Message> messages_;
  std::vector<int32_t> cached_ids_;  // the ids whose keys and values the session holds
};

}  // namespace qwench::bench
