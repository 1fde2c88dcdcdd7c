// CLI11 exits with 100 and more on a wrong option; scripts are promised 2.
#include "bench/command_line.h"

#include <CLI/CLI.hpp>
#include <new>

#include "bench/commands.h"
#include "bench/support/exit_code.h"
#include "bench/support/output.h"
#include "bench/support/program.h"
#include "bench/support/standard_streams.h"
#include "bench/support/unexpected_words.h"
#include "engine/base/check.h"

namespace qwench::bench {

void declare_program(CLI::App& program, Action& chosen) {
  program.name("qwench");
  program.description(
      "Runs and measures Qwen models. Start with `qwench doctor`, then\n"
      "`qwench bench -m qwen3-0.6b` (random weights of that shape, no download).");
  program.set_version_flag("-V,--version", "qwench " + version_text());
  program.require_subcommand(0, 1);
  add_run_command(program, chosen);
  add_chat_command(program, chosen);
  add_bench_command(program, chosen);
  add_accuracy_command(program, chosen);
  add_compare_command(program, chosen);
  add_regress_command(program, chosen);
  add_monitor_command(program, chosen);
  add_kernels_command(program, chosen);
  add_report_command(program, chosen);
  add_visualize_command(program, chosen);
  add_quantize_command(program, chosen);
  add_inspect_command(program, chosen);
  add_models_command(program, chosen);
  add_list_command(program, chosen);
  add_describe_command(program, chosen);
  add_score_command(program, chosen);
  add_tokenize_command(program, chosen);
  add_doctor_command(program, chosen);
  add_tune_command(program, chosen);
  add_export_command(program, chosen);
  add_completion_command(program, chosen);
  add_help_command(program, chosen);
  add_version_command(program, chosen);
}

namespace {

int report_parse_error(const CLI::App& program, const CLI::ParseError& error,
                       const std::vector<std::string>& words) {
  const std::vector<CLI::App*> parsed = program.get_subcommands();
  const std::string help = parsed.empty() ? std::string("qwench --help")
                                          : "qwench " + parsed.front()->get_name() + " --help";
  const std::string what = dynamic_cast<const CLI::ExtrasError*>(&error)
                               ? unexpected_words(program, words)
                               : std::string(error.what());
  note(fmt::format("error: {} ({} lists what there is)", what, help));
  return kExitUsage;
}

int parse_and_run(int argc, const char* const* argv) {
  CLI::App program;
  Action chosen;
  declare_program(program, chosen);
  try {
    program.parse(argc, argv);
  } catch (const CLI::CallForVersion&) {
    print("qwench " + version_text() + "\n");
    return kExitOk;
  } catch (const CLI::Success&) {  // --help
    const std::vector<CLI::App*> parsed = program.get_subcommands();
    print(parsed.empty() ? program.help() : parsed.front()->help("qwench"));
    return kExitOk;
  } catch (const CLI::ParseError& error) {
    return report_parse_error(program, error, {argv + 1, argv + argc});
  }
  if (chosen) return chosen();
  note(program.help());
  return kExitUsage;
}

}  // namespace

int run_program(int argc, const char* const* argv) {
  open_standard_streams();
  remember_command_line(argc, argv);
  try {
    return parse_and_run(argc, argv);
  } catch (const UsageError& error) {
    note(fmt::format("error: {}", error.what()));
    return kExitUsage;
  } catch (const Cancelled& cancelled) {
    note(cancelled.what());
    return kExitInterrupted;
  } catch (const std::bad_alloc&) {
    note("error: memory: the system refused an allocation; choose a smaller model, --ctx or batch");
    return kExitError;
  } catch (const std::exception& error) {
    note(fmt::format("error: {}", error.what()));
    return kExitError;
  }
}

}  // namespace qwench::bench
