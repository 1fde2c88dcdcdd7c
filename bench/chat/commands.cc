// One table: parsing, help and refusals follow from it.
#include "bench/chat/commands.h"

#include <fmt/format.h>

#include <sstream>
#include <vector>

#include "bench/support/suggest.h"
#include "engine/base/json.h"

namespace qwench::bench {

namespace {

struct Known {
  ChatCommand command;
  const char* name;
  bool has_switch;  // followed by on or off
  const char* help;
};
constexpr Known kKnown[] = {
    {ChatCommand::kHelp, "/help", false, "this list"},
    {ChatCommand::kClear, "/clear", false, "forget the conversation"},
    {ChatCommand::kThink, "/think", true, "let the model think before it answers (Qwen3)"},
    {ChatCommand::kStats, "/stats", true, "speed and memory after every answer"},
    {ChatCommand::kExit, "/exit", false, "leave; so does Ctrl-D"},
};

std::string usage(const Known& known) {
  return std::string(known.name) + (known.has_switch ? " on|off" : "");
}

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

std::string refuse(const std::string& name) {
  std::string there;
  std::vector<std::string> names;
  for (const Known& known : kKnown) {
    there += (there.empty() ? "" : ", ") + usage(known);
    names.emplace_back(known.name);
  }
  const std::string near = nearest(name, names);
  return fmt::format("no command {}{}; there are {}; // begins a message with a slash",
                     in_quotes(name), near.empty() ? "" : " (did you mean " + near + "?)", there);
}

}  // namespace

ParsedLine parse_line(const std::string& line) {
  const size_t first = line.find_first_not_of(" \t\r\n\v\f");
  if (first == line.npos || line[first] != '/') return {{}, line, {}};
  if (line.compare(first, 2, "//") == 0) return {{}, line.substr(first + 1), {}};
  const std::vector<std::string> words = words_of(line);
  for (const Known& known : kKnown) {
    if (words[0] != known.name) continue;
    const bool on = words.size() == 2 && words[1] == "on";
    const bool off = words.size() == 2 && words[1] == "off";
    const bool right = known.has_switch ? on || off : words.size() == 1;
    if (right) return {ChatOrder{known.command, on}, {}, {}};
    return {{}, {}, fmt::format("expected {}, got {}", usage(known), in_quotes(line))};
  }
  return {{}, {}, refuse(words[0])};
}

std::string chat_help() {
  std::string out;
  for (const Known& known : kKnown) out += fmt::format("  {:<14}  {}\n", usage(known), known.help);
  return out +
         "  \"\"\"             begins and ends a message of several lines; so does \\ at a line's "
         "end\n"
         "  //              begins a message with a slash\n"
         "  Ctrl-C          stops an answer, or discards what is typed";
}

}  // namespace qwench::bench
