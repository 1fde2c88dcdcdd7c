// `qwench help [COMMAND]` and `qwench version`; `help --man` is the manual page that `cmake --install` installs.
#include <CLI/CLI.hpp>

#include "bench/commands.h"
#include "bench/support/command_tree.h"
#include "bench/support/exit_code.h"
#include "bench/support/output.h"
#include "bench/support/program.h"
#include "engine/base/check.h"

namespace qwench::bench {

namespace {

/// Text of roff: no escapes, and no line that begins as a request.
std::string roff(const std::string& text) {
  std::string safe;
  for (const char c : text) {
    if (c == '\\')
      safe += "\\\\";
    else if (c == '-')
      safe += "\\-";
    else if ((c == '.' || c == '\'') && (safe.empty() || safe.back() == '\n'))
      safe += std::string("\\&") + c;
    else
      safe += c;
  }
  return safe;
}

std::string option_entry(const OptionText& option) {
  std::string names;
  for (const std::string& name : option.names)
    names += (names.empty() ? "" : ", ") + std::string("\\fB") + roff(name) + "\\fR";
  if (!option.value.empty() && !option.positional) names += " \\fI" + roff(option.value) + "\\fR";
  if (!option.preset.empty()) names += " (default: " + roff(option.preset) + ")";
  return ".TP\n" + names + "\n" + roff(option.description) + "\n";
}

std::string manual(const CLI::App& program) {
  std::string page = fmt::format(
      ".TH QWENCH 1 \"\" \"qwench {}\" \"User Commands\"\n.SH NAME\nqwench \\- run and measure "
      "Qwen models\n"
      ".SH SYNOPSIS\n.B qwench\n.I command\n[\\fIoptions\\fR]\n.SH DESCRIPTION\n{}\n",
      roff(version_text()), roff(program.get_description()));
  for (const CommandText& command : command_tree(program)) {
    page += fmt::format(".SH qwench {}\n{}\n", roff(command.name), roff(command.description));
    for (const OptionText& option : command.options) page += option_entry(option);
  }
  page +=
      ".SH EXIT STATUS\n"
      "0: done. 1: something is wrong with a file, the machine or the run. 2: with the command "
      "line. "
      "3: a result is beyond its tolerance. 4: \\fBregress\\fR found it slower, later or larger. "
      "5: \\fBregress \\-\\-strict\\fR could not tell. 130: interrupted; what was finished is "
      "printed.\n";
  return page;
}

/// Of the program itself: CLI11's help() is that of the command which was parsed, here `help`.
std::string help_of(const CLI::App& program) {
  return program.get_formatter()->make_help(&program, program.get_name(),
                                            CLI::AppFormatMode::Normal);
}

int print_help(const CLI::App& program, const std::string& name, bool man) {
  if (man) {
    print(manual(program));
  } else if (name.empty()) {
    print(help_of(program));
  } else {
    const std::vector<const CLI::App*> named =
        program.get_subcommands([&](const CLI::App* app) { return app->get_name() == name; });
    if (named.empty())
      fail_usage("help: expected a command, got '{}'; `qwench help` lists them", name);
    print(named.front()->help("qwench"));
  }
  return kExitOk;
}

}  // namespace

void add_help_command(CLI::App& program, Action& chosen) {
  struct Options {
    std::string command;
    bool man = false;
  };
  auto o = std::make_shared<Options>();
  CLI::App* help = program.add_subcommand("help", "Say what a command does and takes");
  help->add_option("COMMAND", o->command, "Which; without, all are listed");
  help->add_flag("--man", o->man, "All of it as a manual page (roff)");
  help->callback([o, &program, &chosen] {
    chosen = [o, &program] { return print_help(program, o->command, o->man); };
  });
}

void add_version_command(CLI::App& program, Action& chosen) {
  CLI::App* version = program.add_subcommand("version", "Print the version");
  version->callback(
      [&chosen] { chosen = [] { return print("qwench " + version_text() + "\n"), kExitOk; }; });
}

}  // namespace qwench::bench
