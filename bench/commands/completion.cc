// `qwench completion SHELL`: the script by which a shell completes commands, options and their choices.
// `cmake --install` puts it where the shell looks.
#include <CLI/CLI.hpp>

#include "bench/commands.h"
#include "bench/support/command_tree.h"
#include "bench/support/exit_code.h"
#include "bench/support/output.h"

namespace qwench::bench {

namespace {

std::string join(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

std::string names_of(const std::vector<CommandText>& commands) {
  std::vector<std::string> names;
  for (const CommandText& command : commands) names.push_back(command.name);
  return join(names);
}

/// "--a --b" of the options that begin with a dash.
std::string options_of(const CommandText& command) {
  std::vector<std::string> names;
  for (const OptionText& option : command.options)
    if (!option.positional) names.insert(names.end(), option.names.begin(), option.names.end());
  return join(names);
}

/// The first line, fit to stand between single quotes in any of the shells.
std::string one_line(const std::string& text) {
  std::string line = text.substr(0, text.find('\n'));
  for (char& c : line)
    if (std::string("'\"\\[]:`$").find(c) != std::string::npos) c = ' ';
  return line;
}

std::string bash_script(const std::vector<CommandText>& commands) {
  std::string options, choices;
  for (const CommandText& command : commands) {
    options += fmt::format("    {}) words='{}' ;;\n", command.name, options_of(command));
    for (const OptionText& option : command.options)
      if (!option.choices.empty() && !option.positional)
        for (const std::string& name : option.names)
          choices += fmt::format("    '{} {}') values='{}' ;;\n", command.name, name,
                                 join(option.choices));
  }
  return fmt::format(R"(# bash completion of qwench
_qwench() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} command=${{COMP_WORDS[1]}} words= values=
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W '{} --help --version' -- "$current"))
    return
  fi
  case "$command ${{COMP_WORDS[COMP_CWORD - 1]}}" in
{}  esac
  case "$command" in
{}  esac
  if [ -n "$values" ]; then
    COMPREPLY=($(compgen -W "$values" -- "$current"))
  elif [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$current"))
  fi
}}
complete -o default -F _qwench qwench
)",
                     names_of(commands), choices, options);
}

std::string zsh_script(const std::vector<CommandText>& commands) {
  std::string list, cases;
  for (const CommandText& command : commands) {
    list += fmt::format("    '{}:{}'\n", command.name, one_line(command.description));
    cases += fmt::format("    {}) _arguments", command.name);
    for (const OptionText& option : command.options) {
      const std::string action =
          option.choices.empty() ? "_files" : "(" + join(option.choices) + ")";
      if (option.positional) continue;
      for (const std::string& name : option.names)
        cases += option.value.empty()
                     ? fmt::format(" \\\n      '{}[{}]'", name, one_line(option.description))
                     : fmt::format(" \\\n      '{}[{}]:value:{}'", name,
                                   one_line(option.description), action);
    }
    cases += " \\\n      '*:file:_files' ;;\n";
  }
  return fmt::format(R"(#compdef qwench
_qwench() {{
  local -a commands
  commands=(
{}  )
  if (( CURRENT == 2 )); then
    _describe 'command' commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
{}  esac
}}
_qwench "$@"
)",
                     list, cases);
}

std::string fish_script(const std::vector<CommandText>& commands) {
  std::string script = "# fish completion of qwench\n";
  for (const CommandText& command : commands)
    script += fmt::format("complete -c qwench -n __fish_use_subcommand -f -a {} -d '{}'\n",
                          command.name, one_line(command.description));
  for (const CommandText& command : commands)
    for (const OptionText& option : command.options) {
      if (option.positional) continue;
      std::string line =
          fmt::format("complete -c qwench -n '__fish_seen_subcommand_from {}'", command.name);
      for (const std::string& name : option.names)
        line += name.rfind("--", 0) == 0 ? " -l " + name.substr(2) : " -s " + name.substr(1);
      if (!option.value.empty()) line += " -r";
      if (!option.choices.empty()) line += fmt::format(" -f -a '{}'", join(option.choices));
      script += line + fmt::format(" -d '{}'\n", one_line(option.description));
    }
  return script;
}

}  // namespace

void add_completion_command(CLI::App& program, Action& chosen) {
  auto shell = std::make_shared<std::string>();
  CLI::App* command =
      program.add_subcommand("completion", "Print the completion script of a shell");
  command->add_option("SHELL", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  command->callback([shell, &program, &chosen] {
    chosen = [shell, &program] {
      const std::vector<CommandText> commands = command_tree(program);
      print(*shell == "bash"  ? bash_script(commands)
            : *shell == "zsh" ? zsh_script(commands)
                              : fish_script(commands));
      return kExitOk;
    };
  });
}

}  // namespace qwench::bench
