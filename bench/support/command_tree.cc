// CLI11 keeps the choices of an option only in its type: "TEXT:{on,off}".
#include "bench/support/command_tree.h"

#include <CLI/CLI.hpp>

namespace qwench::bench {

namespace {

std::vector<std::string> choices_of(const std::string& type) {
  const size_t open = type.find('{'), close = type.rfind('}');
  if (open == std::string::npos || close == std::string::npos || close < open) return {};
  return CLI::detail::split(type.substr(open + 1, close - open - 1), ',');
}

OptionText option_text(const CLI::Option& option) {
  OptionText text;
  for (const std::string& name : option.get_snames()) text.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) text.names.push_back("--" + name);
  text.positional = text.names.empty();
  if (text.positional) text.names.push_back(option.get_name());
  text.description = option.get_description();
  if (option.get_items_expected_max() == 0) return text;
  text.value = option.get_type_name();
  text.preset = option.get_default_str();
  text.choices = choices_of(text.value);
  return text;
}

}  // namespace

std::vector<CommandText> command_tree(const CLI::App& program) {
  std::vector<CommandText> commands;
  for (const CLI::App* app : program.get_subcommands([](const CLI::App*) { return true; })) {
    CommandText command{app->get_name(), app->get_description(), {}};
    for (const CLI::Option* option : app->get_options())
      if (!option->get_group().empty()) command.options.push_back(option_text(*option));
    commands.push_back(std::move(command));
  }
  return commands;
}

}  // namespace qwench::bench
