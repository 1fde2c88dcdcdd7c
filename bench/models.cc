// `qwench models`: the shape cards that -m takes where there is no folder.
#include <CLI/CLI.hpp>

#include "bench/commands.h"
#include "bench/support/exit_code.h"
#include "bench/support/output.h"
#include "engine/checkpoint/checkpoint.h"

namespace qwench::bench {

namespace {
int run_models() {
  for (const std::string& name : shape_card_names()) print(name + "\n");
  return kExitOk;
}
}  // namespace

void add_models_command(CLI::App& program, Action& chosen) {
  CLI::App* command =
      program.add_subcommand("models", "List the shape cards: sizes without a file");
  command->callback([&chosen] { chosen = run_models; });
}

}  // namespace qwench::bench
