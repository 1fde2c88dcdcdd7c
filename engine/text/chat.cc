// The forms, statement by statement as in the published Jinja text, without its tool branches.
#include "engine/text/chat.h"

#include "engine/base/affix.h"
#include "engine/base/check.h"

namespace qwench {
namespace {

constexpr size_t kMaxMessages = 100000;
constexpr const char* kQwen2System = "You are a helpful assistant.";
constexpr const char* kQwen25System =
    "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.";

// Python's lstrip('\n') and rstrip('\n').
std::string_view strip_left(std::string_view text) {
  const size_t begin = text.find_first_not_of('\n');
  return begin == text.npos ? std::string_view() : text.substr(begin);
}
std::string_view strip_right(std::string_view text) {
  return text.substr(0, text.find_last_not_of('\n') + 1);
}

/// A conversation being put together, told apart by who brought the text.
class Rendering {
 public:
  Rendering& text(std::string_view of_template) {
    out_.text.append(of_template);
    return *this;
  }
  Rendering& content(std::string_view of_message) {
    const size_t begin = out_.text.size();
    out_.text.append(of_message);
    if (!of_message.empty()) out_.content.push_back({begin, out_.text.size()});
    return *this;
  }
  Rendering& turn(std::string_view role) { return text(kTurnStart).text(role).text("\n"); }
  Rendering& end_turn() { return text(kTurnEnd).text("\n"); }

  RenderedChat take() { return std::move(out_); }

 private:
  RenderedChat out_;
};

void put_chatml(const std::vector<Message>& messages, Rendering& to) {
  for (const Message& message : messages) to.turn(message.role).content(message.content).end_turn();
}

void put_with_system(const std::vector<Message>& messages, const char* system, Rendering& to) {
  if (messages[0].role != "system") to.turn("system").text(system).end_turn();
  put_chatml(messages, to);
}

/// The last turn of the user that is not the result of a tool; the last message when there is none.
size_t last_query(const std::vector<Message>& messages) {
  for (size_t i = messages.size(); i-- > 0;) {
    const Message& m = messages[i];
    const bool tool_result =
        starts_with(m.content, "<tool_response>") && ends_with(m.content, "</tool_response>");
    if (m.role == "user" && !tool_result) return i;
  }
  return messages.size() - 1;
}

struct Answer {
  std::string_view reasoning, content;
};

/// Thoughts and answer of an assistant turn: from their own field, or cut at "</think>".
Answer split_answer(const Message& message) {
  if (message.reasoning_content) return {*message.reasoning_content, message.content};
  const std::string_view text = message.content;
  constexpr std::string_view kEnd = "</think>", kBegin = "<think>";
  const size_t first = text.find(kEnd);
  if (first == text.npos) return {"", text};
  std::string_view reasoning = strip_right(text.substr(0, first));
  const size_t begin = reasoning.rfind(kBegin);
  if (begin != reasoning.npos) reasoning.remove_prefix(begin + kBegin.size());
  return {strip_left(reasoning), strip_left(text.substr(text.rfind(kEnd) + kEnd.size()))};
}

void put_qwen3_answer(const Message& message, bool after_query, bool last, Rendering& to) {
  const Answer answer = split_answer(message);
  to.turn(message.role);
  if (!after_query || !(last || !answer.reasoning.empty())) {
    to.content(answer.content).end_turn();
    return;
  }
  to.text("<think>\n").content(strip_left(strip_right(answer.reasoning)));
  to.text("\n</think>\n\n").content(strip_left(answer.content)).end_turn();
}

void put_qwen3(const std::vector<Message>& messages, Rendering& to) {
  const size_t query = last_query(messages);
  for (size_t i = 0; i < messages.size(); ++i) {
    const Message& message = messages[i];
    if (message.role == "assistant")
      put_qwen3_answer(message, i > query, i + 1 == messages.size(), to);
    else
      to.turn(message.role).content(message.content).end_turn();
  }
}

void put_turns(ChatTemplate form, const std::vector<Message>& messages, Rendering& to) {
  switch (form) {
    case ChatTemplate::kQwen2: return put_with_system(messages, kQwen2System, to);
    case ChatTemplate::kQwen25: return put_with_system(messages, kQwen25System, to);
    case ChatTemplate::kQwen3: return put_qwen3(messages, to);
    case ChatTemplate::kChatMl: return put_chatml(messages, to);
  }
  QWENCH_CHECK(false);
}

void check_role(const std::string& role, size_t index, const std::string& where) {
  if (role == "system" || role == "user" || role == "assistant") return;
  if (role == "tool")
    fail("message {}: role \"tool\" is not supported yet ({}); leave tool results out", index,
         where);
  fail("message {}: expected role system, user or assistant, got {} ({})", index, in_quotes(role),
       where);
}

Message read_message(const Json& object, size_t index, const std::string& where) {
  const std::string place = fmt::format("{}: message {}", where, index);
  if (!object.is_object()) fail("{}: expected an object, got {}", place, describe(object));
  for (const char* key : {"tool_calls", "tools"}) {
    if (has(object, key) && !object.at(key).empty())
      fail("{}: {} is not supported yet; leave it out", place, key);
  }
  Message message;
  message.role = read_string(object, "role", place);
  check_role(message.role, index, where);
  const auto content = object.find("content");
  if (content != object.end() && content->is_array())
    fail("{}: expected content as one string, got an array of parts", place);
  message.content = read_string(object, "content", place);
  if (has(object, "reasoning_content"))
    message.reasoning_content = read_string(object, "reasoning_content", place);
  return message;
}

}  // namespace

RenderedChat render_chat(ChatTemplate form, const std::vector<Message>& messages,
                         bool add_generation_prompt, Thinking thinking) {
  if (messages.empty()) fail("chat: expected at least one message, got none");
  for (size_t i = 0; i < messages.size(); ++i) check_role(messages[i].role, i, "chat");
  Rendering rendering;
  put_turns(form, messages, rendering);
  if (add_generation_prompt) {
    rendering.turn("assistant");
    if (form == ChatTemplate::kQwen3 && thinking == Thinking::kOff)
      rendering.text("<think>\n\n</think>\n\n");
  }
  return rendering.take();
}

std::vector<Message> read_messages(const Json& array, const std::string& where) {
  if (!array.is_array())
    fail(
        "{}: expected an array of messages, got {}; write [{{\"role\": \"user\", \"content\": "
        "\"...\"}}]",
        where, describe(array));
  if (array.empty() || array.size() > kMaxMessages)
    fail("{}: expected 1 to {} messages, got {}", where, kMaxMessages, array.size());
  std::vector<Message> messages;
  messages.reserve(array.size());
  for (const Json& message : array)
    messages.push_back(read_message(message, messages.size(), where));
  return messages;
}

}  // namespace qwench
