// Conversations as the text the model was trained on: template forms written by hand and compared byte
// for byte with recorded output. A template in a file is recognised, never run.
// Injection: content goes in as it is, as in the published templates. The ranges that it fills are
// known, so that "<|im_end|>" in it can stay text when the conversation is tokenised.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/json.h"
#include "engine/text/tokenizer.h"

namespace qwench {

struct Message {
  std::string role, content;                     // role: "system", "user" or "assistant"
  std::optional<std::string> reasoning_content;  // the thoughts of an assistant turn (Qwen3)
};

enum class ChatTemplate { kQwen2, kQwen25, kQwen3, kChatMl };  // ChatML: the turns and nothing else
enum class Thinking { kDefault, kOn, kOff };                   // means something to Qwen3 only

struct RenderedChat {
  std::string text;
  std::vector<TextRange> content;  // what the messages brought; the rest is the template's
};

/// The prompt. Qwen3 keeps the thoughts of assistant turns only after the last question of the
/// user. Error without messages or on a role other than the three.
RenderedChat render_chat(ChatTemplate form, const std::vector<Message>& messages,
                         bool add_generation_prompt, Thinking thinking);

/// [{"role": ..., "content": ...}, ...]. Error on anything else, and on tools, which are not
/// supported.
std::vector<Message> read_messages(const Json& array, const std::string& where);

/// The form of a GGUF file (tokenizer.chat_template) or of a model folder: chat_template.jinja, else `chat_template` in tokenizer_config.json,
/// else chat_template.json; without any of them model_type decides. Error when it is not a known
/// one.
ChatTemplate detect_chat_template(const std::string& folder, const std::string& model_type);

/// The text of that template, "" where there is none.
std::string read_chat_template(const std::string& model);

/// "qwen2", "qwen2.5", "qwen3" or "chatml"; UsageError otherwise.
ChatTemplate parse_chat_template(std::string_view name);

}  // namespace qwench
