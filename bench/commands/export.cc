// `qwench export`: a result of `bench` for tools that know nothing of qwench.
#include <CLI/CLI.hpp>
#include <algorithm>

#include "bench/commands.h"
#include "bench/export/export.h"
#include "bench/support/exit_code.h"
#include "bench/support/output.h"
#include "engine/base/check.h"

namespace qwench::bench {

namespace {

struct ExportOptions {
  std::string file, format, output;
};

int run_export(const ExportOptions& o) {
  const ExportedResult result = read_result(parse_json_file(o.file), o.file);
  const auto batched = std::count_if(result.rows.begin(), result.rows.end(),
                                     [](const ExportedRow& row) { return row.batch > 1; });
  if (o.format == "llama-bench" && batched)
    note(fmt::format("left out {} of {} rows: llama-bench has no batch of sequences", batched,
                     result.rows.size()));
  for (const ExportFormat& format : kExportFormats) {
    if (format.name != o.format) continue;
    const std::string text = format.write(result);
    if (o.output.empty())
      print(text);
    else
      write_text_file(o.output, text);
  }
  return kExitOk;
}

}  // namespace

void add_export_command(CLI::App& program, Action& chosen) {
  auto o = std::make_shared<ExportOptions>();
  CLI::App* command =
      program.add_subcommand("export", "Write a result of `bench` in another tool's format");
  std::vector<std::string> names;
  for (const ExportFormat& format : kExportFormats) names.emplace_back(format.name);
  command->add_option("result", o->file, "JSON of `bench --output`")->required();
  command
      ->add_option("--format", o->format, "google-benchmark, benchstat, github-action, llama-bench")
      ->required()
      ->check(CLI::IsMember(names));
  command->add_option("--output", o->output, "Write to this file instead of stdout");
  command->callback([o, &chosen] { chosen = [o] { return run_export(*o); }; });
}

}  // namespace qwench::bench
