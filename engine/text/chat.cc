// The forms, statement by statement as in the published Jinja text, without its tool branches.
#include "engine/text/chat.h"

#include "engine/check.h"

namespace qwench {
namespace {

constexpr size_t kMaxMessages = 100000;
constexpr const char* kQwen2System = "You are a helpful assistant.";
constexpr const char* kQwen25System =
    "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.";

bool starts_with(std::string_view text, std::string_view with) {
  return text.substr(0, with.size()) == with;
}
bool ends_with(std::string_view text, std::string_view with) {
  return text.size() >= with.size() && text.substr(text.size() - with.size()) == with;
}

// Python's lstrip('\n') and rstrip('\n').
std::string_view strip_left(std::string_view text) {
  const size_t begin = text.find_first_not_of('\n');
  return begin == text.npos ? std::string_view() : text.substr(begin);
}
std::string_view strip_right(std::string_view text) {
  return text.substr(0, text.find_last_not_of('\n') + 1);
}

void put_turn(std::string& out, std::string_view role, std::string_view content) {
  out.append("<|im_start|>").append(role).append("\n").append(content).append("<|im_end|>\n");
}

std::string render_chatml(const std::vector<Message>& messages) {
  std::string out;
  for (const Message& message : messages) put_turn(out, message.role, message.content);
  return out;
}

std::string render_with_system(const std::vector<Message>& messages, const char* system) {
  std::string out;
  if (messages[0].role != "system") put_turn(out, "system", system);
  return out + render_chatml(messages);
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

void put_qwen3_answer(std::string& out, const Message& message, bool after_query, bool last) {
  const Answer answer = split_answer(message);
  if (!after_query || !(last || !answer.reasoning.empty())) {
    put_turn(out, message.role, answer.content);
    return;
  }
  std::string content = "<think>\n";
  content.append(strip_left(strip_right(answer.reasoning))).append("\n</think>\n\n");
  content.append(strip_left(answer.content));
  put_turn(out, message.role, content);
}

std::string render_qwen3(const std::vector<Message>& messages) {
  std::string out;
  const size_t query = last_query(messages);
  for (size_t i = 0; i < messages.size(); ++i) {
    if (messages[i].role == "assistant")
      put_qwen3_answer(out, messages[i], i > query, i + 1 == messages.size());
    else
      put_turn(out, messages[i].role, messages[i].content);
  }
  return out;
}

std::string render_turns(ChatTemplate form, const std::vector<Message>& messages) {
  switch (form) {
    case ChatTemplate::kQwen2: return render_with_system(messages, kQwen2System);
    case ChatTemplate::kQwen25: return render_with_system(messages, kQwen25System);
    case ChatTemplate::kQwen3: return render_qwen3(messages);
    case ChatTemplate::kChatMl: return render_chatml(messages);
  }
  QWENCH_CHECK(false);
  return {};
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

std::string render_chat(ChatTemplate form, const std::vector<Message>& messages,
                        bool add_generation_prompt, Thinking thinking) {
  if (messages.empty()) fail("chat: expected at least one message, got none");
  for (size_t i = 0; i < messages.size(); ++i) check_role(messages[i].role, i, "chat");
  std::string out = render_turns(form, messages);
  if (add_generation_prompt) {
    out += "<|im_start|>assistant\n";
    if (form == ChatTemplate::kQwen3 && thinking == Thinking::kOff)
      out += "<think>\n\n</think>\n\n";
  }
  return out;
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
