// What the program's command line can be, as plain data: shell completions and the manual are written from it.
#pragma once
#include <string>
#include <vector>

namespace CLI {
class App;
}  // namespace CLI

namespace qwench::bench {

struct OptionText {
  std::vector<std::string>
      names;                // "-n", "--new-tokens"; a positional argument's name without dashes
  std::string description;  // may have several lines
  std::string value;        // "TEXT", "INT:[0 - 16]"; "" for a flag
  std::string preset;       // the default as text, "" where none is shown
  std::vector<std::string> choices;  // where only these are admitted
  bool positional = false;
};

struct CommandText {
  std::string name, description;
  std::vector<OptionText> options;  // in the order of the help
};

/// All subcommands.
std::vector<CommandText> command_tree(const CLI::App& program);

}  // namespace qwench::bench
