// UTF-8 is checked here, before JSON or CSV is looked at, because only here the line is known.
#include "bench/tasks/task_file.h"

#include <algorithm>
#include <filesystem>

#include "bench/text_metrics/python_text.h"
#include "engine/base/check.h"
#include "engine/base/file.h"
#include "engine/text/utf8.h"

namespace qwench::bench {

namespace {

constexpr int64_t kMaxFileBytes = int64_t(1) << 30;

bool is_blank(const std::string& text) { return python_strip(text).empty(); }

void check_utf8(const std::string& text, const std::string& path) {
  size_t line_begin = 0;
  int64_t line = 1;
  for (size_t at = 0; at < text.size();) {
    const Utf8Step step = read_utf8(text, at);
    if (step.kind != Utf8Step::kCharacter)
      fail("{}:{}: expected UTF-8, got the byte {:#04x} at column {}; save the file as UTF-8", path,
           line, uint8_t(text[at]), at - line_begin + 1);
    at += size_t(step.bytes);
    if (step.value == '\n') ++line, line_begin = at;
  }
}

}  // namespace

bool is_missing(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::status(path, ignored).type() == std::filesystem::file_type::not_found;
}

std::string read_task_text(const std::string& path) {
  std::string text = read_file(path, kMaxFileBytes);
  if (text.rfind("\xEF\xBB\xBF", 0) == 0) text.erase(0, 3);
  check_utf8(text, path);
  if (is_blank(text)) fail("{}:1: expected at least one item, got an empty file", path);
  return text;
}

std::vector<TextLine> read_task_lines(const std::string& path) {
  const std::string text = read_task_text(path);
  std::vector<TextLine> lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    std::string line = text.substr(at, end - at);
    if (!line.empty() && line.back() == '\r') line.pop_back();
    lines.push_back({std::move(line), fmt::format("{}:{}", path, lines.size() + 1)});
    at = end + 1;
  }
  while (is_blank(lines.back().text)) lines.pop_back();  // the text is not blank: one stays
  return lines;
}

std::vector<JsonLine> read_json_lines(const std::string& path) {
  std::vector<JsonLine> objects;
  for (TextLine& line : read_task_lines(path)) {
    if (is_blank(line.text)) continue;
    Json value = parse_json(line.text, line.where);
    if (!value.is_object())
      fail("{}: expected a JSON object on each line, got {}", line.where, describe(value));
    objects.push_back({std::move(value), std::move(line.where)});
  }
  return objects;
}

std::string read_text(const Json& object, const char* key, const std::string& where) {
  std::string text = read_string(object, key, where);
  if (is_blank(text)) fail("{}: expected text, got {} ({})", key, in_quotes(text), where);
  return text;
}

std::vector<std::string> read_four(const Json& object, const char* key, const std::string& where) {
  if (!has(object, key)) fail("{}: key {} is missing", where, in_quotes(key));
  const Json& list = object.at(key);
  if (!list.is_array() || list.size() != 4)
    fail("{}: expected an array of 4 strings, got {} ({})", key,
         list.is_array() ? fmt::format("{} elements", list.size()) : describe(list), where);
  std::vector<std::string> texts;
  for (const Json& text : list) {
    if (!text.is_string())
      fail("{}[{}]: expected a string, got {} ({})", key, texts.size(), describe(text), where);
    texts.push_back(text.get<std::string>());
  }
  return texts;
}

std::string read_optional(const Json& object, const char* key, const std::string& where) {
  return has(object, key) ? read_string(object, key, where) : std::string();
}

std::string short_name(const std::string& path) {
  const std::filesystem::path whole(path);
  return (whole.has_filename() ? whole : whole.parent_path()).filename().string();
}

}  // namespace qwench::bench
