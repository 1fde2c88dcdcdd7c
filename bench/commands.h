// The subcommands of the program, one file each in commands/. Adding one declares its options; when the command
// line names it, `chosen` becomes what main runs after parsing.
#pragma once
#include <functional>

namespace CLI {
class App;
}  // namespace CLI

namespace qwench::bench {

using Action = std::function<int()>;  // returns the exit code

void add_run_command(CLI::App& program, Action& chosen);
void add_chat_command(CLI::App& program, Action& chosen);
void add_tokenize_command(CLI::App& program, Action& chosen);
void add_inspect_command(CLI::App& program, Action& chosen);
void add_doctor_command(CLI::App& program, Action& chosen);
void add_bench_command(CLI::App& program, Action& chosen);
void add_accuracy_command(CLI::App& program, Action& chosen);
void add_compare_command(CLI::App& program, Action& chosen);
void add_regress_command(CLI::App& program, Action& chosen);
void add_monitor_command(CLI::App& program, Action& chosen);
void add_kernels_command(CLI::App& program, Action& chosen);
void add_list_command(CLI::App& program, Action& chosen);
void add_describe_command(CLI::App& program, Action& chosen);
void add_models_command(CLI::App& program, Action& chosen);
void add_report_command(CLI::App& program, Action& chosen);
void add_visualize_command(CLI::App& program, Action& chosen);
void add_score_command(CLI::App& program, Action& chosen);
void add_quantize_command(CLI::App& program, Action& chosen);
void add_tune_command(CLI::App& program, Action& chosen);
void add_export_command(CLI::App& program, Action& chosen);
void add_completion_command(CLI::App& program, Action& chosen);
void add_help_command(CLI::App& program, Action& chosen);
void add_version_command(CLI::App& program, Action& chosen);

/// All of the above, and what the program itself takes.
void declare_program(CLI::App& program, Action& chosen);

}  // namespace qwench::bench
