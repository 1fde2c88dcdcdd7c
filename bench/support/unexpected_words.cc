// Options are looked for where a person may have taken them from: misspelt, before the command, of another one.
#include "bench/support/unexpected_words.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <algorithm>

#include "bench/support/suggest.h"

namespace qwench::bench {

namespace {

using Words = std::vector<std::string>;

bool is_option(const std::string& word) { return word.size() > 1 && word[0] == '-'; }

/// "--a" of "--a=b".
std::string name_in(const std::string& word) {
  return word.substr(0, std::min(word.find('='), word.size()));
}

std::vector<const CLI::App*> commands_of(const CLI::App& program) {
  return program.get_subcommands([](const CLI::App*) { return true; });
}

bool has_option(const CLI::App& command, const std::string& name) {
  return command.get_option_no_throw(name) != nullptr;
}

Words option_names(const CLI::App& command) {
  Words names;
  for (const CLI::Option* option : command.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

/// In the order of the command line; CLI11 has them backwards.
Words in_order(const CLI::App& program, const Words& words) {
  Words left = program.remaining(true), ordered;
  for (const std::string& word : words) {
    const auto at = std::find(left.begin(), left.end(), word);
    if (at == left.end()) continue;
    left.erase(at);
    ordered.push_back(word);
  }
  return ordered;
}

/// Options that other commands have under this name: "of run and chat".
std::string owners(const CLI::App& program, const std::string& name) {
  Words names;
  for (const CLI::App* command : commands_of(program))
    if (has_option(*command, name)) names.push_back("`" + command->get_name() + "`");
  if (names.empty() || names.size() > 3) return {};
  return fmt::format("; {} is an option of {}", name, fmt::join(names, " and "));
}

/// Of an option that the command does not have.
std::string option_hint(const CLI::App& program, const CLI::App& command, const std::string& word) {
  const std::string name = name_in(word);
  if (has_option(command, name))
    return fmt::format("; options come after the command: qwench {} {} ...", command.get_name(),
                       name);
  const std::string near = nearest(name, option_names(command));
  const std::string other = owners(program, name);
  if (!other.empty()) return other;
  return near.empty() ? "" : "; did you mean " + near + "?";
}

/// Of a word that is no option.
std::string word_hint(const CLI::App& command) {
  const std::string name = command.get_name();
  if (has_option(command, "--ask")) return "; a question is --ask, a text to continue --prompt";
  if (has_option(command, "-m")) return fmt::format("; a model is -m: qwench {} -m MODEL", name);
  return {};
}

std::string command_hint(const CLI::App& program, const std::string& word) {
  Words names;
  for (const CLI::App* command : commands_of(program)) names.push_back(command->get_name());
  const std::string near = nearest(word, names);
  return near.empty() ? "" : "; did you mean " + near + "?";
}

std::string hint(const CLI::App& program, const Words& unexpected) {
  if (unexpected.empty()) return {};
  const std::vector<CLI::App*> parsed = program.get_subcommands();
  const auto option = std::find_if(unexpected.begin(), unexpected.end(), is_option);
  if (parsed.empty())
    return option == unexpected.begin() ? "" : command_hint(program, unexpected.front());
  if (option == unexpected.end()) return word_hint(*parsed.front());
  return option_hint(program, *parsed.front(), *option);
}

}  // namespace

std::string unexpected_words(const CLI::App& program, const Words& words) {
  const Words unexpected = in_order(program, words);
  return fmt::format("not expected: {}{}", fmt::join(unexpected, " "), hint(program, unexpected));
}

}  // namespace qwench::bench
