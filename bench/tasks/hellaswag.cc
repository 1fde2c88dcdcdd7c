// Sources: lm_eval/tasks/hellaswag/utils.py; hellaswag_score() of llama.cpp's perplexity tool.
#include "bench/tasks/hellaswag.h"

#include <filesystem>

#include "bench/tasks/task_file.h"
#include "bench/text_metrics/python_text.h"
#include "engine/base/check.h"

namespace qwench::bench {

namespace {

/// re.sub(r"\[.*?\]", "", text): the dot does not cross a line break.
std::string without_brackets(const std::string& text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    if (text[at] == '[') {
      const size_t end = text.find_first_of("]\n", at + 1);
      if (end != std::string::npos && text[end] == ']') {
        at = end + 1;
        continue;
      }
    }
    out += text[at++];
  }
  return out;
}

/// str.capitalize(), for ASCII letters: the set is English.
std::string capitalize(std::string text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (i == 0 && c >= 'a' && c <= 'z') text[i] = char(c - 'a' + 'A');
    if (i > 0 && c >= 'A' && c <= 'Z') text[i] = char(c - 'A' + 'a');
  }
  return text;
}

/// The context of a line, before preparation. `release`: it has an activity label.
std::string context_of(const Json& object, bool release, const std::string& where) {
  const bool split = has(object, "ctx_a") && has(object, "ctx_b");
  if (!split && !has(object, "ctx"))
    fail("{}: key 'ctx' (or 'ctx_a' and 'ctx_b') is missing", where);
  if (split && (release || !has(object, "ctx"))) {
    const std::string second = read_string(object, "ctx_b", where);
    return read_string(object, "ctx_a", where) + " " + (release ? capitalize(second) : second);
  }
  return read_text(object, "ctx", where);
}

int64_t read_label(const Json& object, const std::string& where) {
  if (!has(object, "label")) fail("{}: key 'label' is missing", where);
  const Json& label = object.at("label");
  if (!label.is_string()) return as_int(label, "label", 0, 3, where);
  const std::string text = label.get<std::string>();
  if (text.size() != 1 || text[0] < '0' || text[0] > '3')
    fail("label: expected 0, 1, 2 or 3, got {} ({}){}", in_quotes(text), where,
         text.empty() ? "; the test split has no labels, the validation split has" : "");
  return text[0] - '0';
}

Ending ending_of(const std::string& text, size_t index, const std::string& where) {
  if (python_strip(text).empty()) fail("endings[{}]: expected text, got none ({})", index, where);
  return {" " + text, python_length(text)};
}

LikelihoodItem read_line(const JsonLine& line) {
  LikelihoodItem item;
  item.where = line.where;
  const bool release = has(line.value, "activity_label");
  item.context = context_of(line.value, release, item.where);
  if (release)
    item.context = prepare_hellaswag_text(read_string(line.value, "activity_label", item.where) +
                                          ": " + item.context);
  if (python_strip(item.context).empty())
    fail("{}: expected a context, got only blanks", item.where);
  for (const std::string& text : read_four(line.value, "endings", item.where))
    item.endings.push_back(
        ending_of(release ? prepare_hellaswag_text(text) : text, item.endings.size(), item.where));
  item.answer = read_label(line.value, item.where);
  item.group = read_optional(line.value, "group", item.where);
  return item;
}

/// Blanks at both ends go, runs of them become one: what llama.cpp does to its contexts.
std::string single_blanks(const std::string& text) {
  std::string out;
  for (const char c : text)
    if (c != ' ' || (!out.empty() && out.back() != ' ')) out += c;
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::vector<LikelihoodItem> read_six_lines(const std::string& path) {
  const std::vector<TextLine> lines = read_task_lines(path);
  if (lines.size() % 6 != 0)
    fail(
        "{}: expected six lines an item (context, label, four endings), got {} lines in all: {} "
        "are left over",
        lines[lines.size() / 6 * 6].where, lines.size(), lines.size() % 6);
  std::vector<LikelihoodItem> items;
  for (size_t i = 0; i < lines.size(); i += 6) {
    LikelihoodItem item;
    item.where = lines[i].where;
    item.context = single_blanks(lines[i].text);
    if (item.context.empty()) fail("{}: expected a context, got an empty line", item.where);
    item.answer = read_label({{"label", lines[i + 1].text}}, lines[i + 1].where);
    for (size_t j = 0; j < 4; ++j)
      item.endings.push_back(ending_of(lines[i + 2 + j].text, j, lines[i + 2 + j].where));
    items.push_back(std::move(item));
  }
  return items;
}

bool is_json(const std::string& path) {
  const std::string ending = std::filesystem::path(path).extension().string();
  if (ending == ".json" || ending == ".jsonl") return true;
  const std::string text = read_task_text(path);
  return python_strip(text).front() == '{';
}

}  // namespace

std::string prepare_hellaswag_text(const std::string& text) {
  const std::string titled = python_replace(python_strip(text), " [title]", ". ");
  return python_replace(without_brackets(titled), "  ", " ");
}

std::vector<LikelihoodItem> read_hellaswag(const std::string& path, int64_t limit) {
  std::vector<LikelihoodItem> items;
  if (is_json(path)) {
    for (const JsonLine& line : read_json_lines(path)) items.push_back(read_line(line));
  } else {
    items = read_six_lines(path);
  }
  if (limit > 0 && limit < int64_t(items.size())) items.resize(size_t(limit));
  return items;
}

}  // namespace qwench::bench
