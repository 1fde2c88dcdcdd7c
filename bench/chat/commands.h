// What a person says to the program instead of the model: lines that begin with "/".
#pragma once
#include <optional>
#include <string>

namespace qwench::bench {

enum class ChatCommand { kHelp, kClear, kThink, kStats, kExit };

struct ChatOrder {
  ChatCommand command;
  bool on = false;  // of /think and /stats
};

struct ParsedLine {
  std::optional<ChatOrder> order;  // else `text` is for the model
  std::string text;
  std::string refusal;  // not "": neither; what is wrong and what there is
};

/// A line of the user. White space around a command and between its words does not matter. A line
/// that begins with "//" is a text that begins with "/".
ParsedLine parse_line(const std::string& line);

/// What /help prints: every command in a line of its own.
std::string chat_help();

}  // namespace qwench::bench
