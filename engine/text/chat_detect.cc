// Which of the forms a model folder means. A template is a program (Jinja); it is compared with the
// published ones by hash and refused when it is another, so nothing in a file is ever executed.
#include <filesystem>

#include "engine/base/check.h"
#include "engine/base/file.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/text/chat.h"
#include "engine/text/load_gguf.h"
#include "engine/text/utf8.h"

namespace qwench {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kMaxTemplate = 1 << 20;

struct KnownTemplate {
  uint64_t hash;  // FNV-1a 64 of the text without the line ends at its end
  ChatTemplate form;
};
constexpr KnownTemplate kKnown[] = {
    {0x8a87094e0e1e24c5, ChatTemplate::kQwen2},   // Qwen2-7B-Instruct, 328 bytes
    {0xe642ce246d7f2e3d, ChatTemplate::kQwen25},  // Qwen2.5-7B-Instruct, 2506 bytes
    {0x2bfdb7aa9754484e, ChatTemplate::kQwen3},   // Qwen3-0.6B, 4116 bytes
    {0x8c04ce7f2fac0095, ChatTemplate::kChatMl},  // models/qwench-tiny, 198 bytes
};

/// Line ends count as "\n", as Jinja reads them; a mark of the encoding is no part of the text.
uint64_t hash_template(std::string_view text) {
  if (text.substr(0, kByteOrderMark.size()) == kByteOrderMark)
    text.remove_prefix(kByteOrderMark.size());
  // Jinja drops a line end at the end of the text, and transformers has it drop the one behind the last tag
  // (trim_blocks); what else stands there is part of every prompt.
  constexpr int kDropped = 2;
  for (int i = 0; i < kDropped && !text.empty() && text.back() == '\n'; ++i) {
    text.remove_suffix(1);
    if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  }
  uint64_t hash = 0xcbf29ce484222325;
  for (size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    if (c == '\r') {
      if (at + 1 < text.size() && text[at + 1] == '\n') continue;
      c = '\n';
    }
    hash = (hash ^ uint8_t(c)) * 0x100000001b3;
  }
  return hash;
}

ChatTemplate recognise(std::string_view text, const std::string& where) {
  const uint64_t hash = hash_template(text);
  for (const KnownTemplate& known : kKnown) {
    if (known.hash == hash) return known.form;
  }
  fail(
      "chat template: expected the one of Qwen2, Qwen2.5, Qwen3 or plain ChatML, got another one, "
      "{} "
      "bytes, hash {:016x} ({}); "
      "choose a built-in form with --chat-template qwen2|qwen2.5|qwen3|chatml",
      text.size(), hash, where);
}

/// `chat_template`: one text, or [{"name", "template"}] of which "default" counts. "" when not
/// there.
std::string template_in(const std::string& path) {
  std::error_code ignored;
  if (!fs::exists(path, ignored)) return "";
  const Json config = parse_json_file(path);
  if (!has(config, "chat_template")) return "";
  const Json& value = config["chat_template"];
  if (!value.is_array()) return read_string(config, "chat_template", path);
  for (const Json& named : value) {
    if (read_string(named, "name", path) == "default") return read_string(named, "template", path);
  }
  fail("chat_template: expected one named \"default\" in the list, got none ({})", path);
}

struct FoundTemplate {
  std::string text, where;
};

/// Of a GGUF file its key; of a folder chat_template.jinja, then the JSON files.
std::optional<FoundTemplate> find_template(const std::string& name) {
  const std::string model = model_source(name);
  if (is_gguf_file(model)) {
    const GgufHeader header = read_gguf_header(model);
    const std::string text = gguf_chat_template(header), named = gguf_named_template(header);
    if (!text.empty()) return FoundTemplate{text, model};
    if (named.empty()) return std::nullopt;
    fail(
        "chat template: expected tokenizer.chat_template, got only {} ({}); choose --chat-template "
        "qwen2|qwen2.5|qwen3|chatml",
        named, model);
  }
  const fs::path at(model);
  const std::string jinja = (at / "chat_template.jinja").string();
  std::error_code ignored;
  if (fs::exists(jinja, ignored)) return FoundTemplate{read_file(jinja, kMaxTemplate), jinja};
  for (const char* name : {"tokenizer_config.json", "chat_template.json"}) {
    const std::string path = (at / name).string();
    const std::string text = template_in(path);
    if (!text.empty()) return FoundTemplate{text, path};
  }
  return std::nullopt;
}

}  // namespace

std::string read_chat_template(const std::string& model) {
  const std::optional<FoundTemplate> found = find_template(model);
  return found ? found->text : "";
}

ChatTemplate detect_chat_template(const std::string& folder, const std::string& model_type) {
  if (const std::optional<FoundTemplate> found = find_template(folder))
    return recognise(found->text, found->where);
  if (model_type == "qwen2") return ChatTemplate::kQwen25;
  if (model_type == "qwen3" || model_type == "qwen3_moe") return ChatTemplate::kQwen3;
  fail(
      "chat template: {} has none and model type {} implies none; choose --chat-template "
      "qwen2|qwen2.5|qwen3|chatml",
      folder, in_quotes(model_type));
}

ChatTemplate parse_chat_template(std::string_view name) {
  if (name == "qwen2") return ChatTemplate::kQwen2;
  if (name == "qwen2.5") return ChatTemplate::kQwen25;
  if (name == "qwen3") return ChatTemplate::kQwen3;
  if (name == "chatml") return ChatTemplate::kChatMl;
  fail_usage("--chat-template: expected qwen2, qwen2.5, qwen3 or chatml, got {}", in_quotes(name));
}

}  // namespace qwench
