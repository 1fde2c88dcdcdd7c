// What all task files share: they are UTF-8, read as a whole, and every complaint about one names
// file and line.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/json.h"

namespace qwench::bench {

struct TextLine {
  std::string text;   // without its line break
  std::string where;  // "file:line", for messages
};

/// True when there is nothing under that name. A file that is there but cannot be read is not
/// missing: reading it is an Error.
bool is_missing(const std::string& path);

/// The whole file without a byte order mark. Error when it cannot be read, is empty or blank, or
/// is not UTF-8 (naming the line).
std::string read_task_text(const std::string& path);

/// Its lines, blank ones included up to the last that is not. "\n" and "\r\n" end a line.
std::vector<TextLine> read_task_lines(const std::string& path);

struct JsonLine {
  Json value;  // an object
  std::string where;
};

/// A file of one JSON object per line; blank lines are passed over.
std::vector<JsonLine> read_json_lines(const std::string& path);

/// object[key], text that is not blank.
std::string read_text(const Json& object, const char* key, const std::string& where);

/// object[key], an array of exactly four strings.
std::vector<std::string> read_four(const Json& object, const char* key, const std::string& where);

/// object[key] where it is there, else "".
std::string read_optional(const Json& object, const char* key, const std::string& where);

/// The last part of a path: "data/mmlu.jsonl" -> "mmlu.jsonl", "data/mmlu/" -> "mmlu".
std::string short_name(const std::string& path);

}  // namespace qwench::bench
