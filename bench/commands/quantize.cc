// `qwench quantize`: a model's weights in fewer bits, as a GGUF file or a folder, and what that cost.
#include <CLI/CLI.hpp>

#include "bench/commands.h"
#include "bench/quantize/job.h"
#include "bench/support/exit_code.h"
#include "bench/support/interrupt.h"
#include "bench/support/output.h"
#include "bench/support/output_file.h"

namespace qwench::bench {

namespace {

/// What is finished stays: so much of hours of work is worth a word.
[[noreturn]] void fail_on_full_disk(const Error& error, const QuantizeJob& job,
                                    const std::string& lack) {
  fail("{}; {} ({} of {} parts are finished in {}: make room, and --resume goes on with them)",
       error.what(), lack, job.parts_done(), job.parts(), job.partial_path());
}

int run_quantize(const QuantizeOptions& o) {
  const InterruptGuard guard;
  check_output(o.report);
  QuantizeJob job(o);
  try {
    const QuantizeReport report = job.run();
    const std::string document = to_text(report_json(report));
    deliver(o.json ? document : report_text(report), o.report, document);
    note(
        fmt::format("what it does to the model: qwench accuracy -m {} --candidate "
                    "quantised:model={}",
                    o.model, report.out));
    return kExitOk;
  } catch (const Cancelled&) {
    note(fmt::format("interrupted: {} of {} parts are finished in {}; --resume goes on with them",
                     job.parts_done(), job.parts(), job.partial_path()));
    return kExitInterrupted;
  } catch (const Error& error) {
    const std::string lack = job.disk_lack();
    if (lack.empty()) throw;
    fail_on_full_disk(error, job, lack);
  }
}

}  // namespace

void add_quantize_command(CLI::App& program, Action& chosen) {
  auto o = std::make_shared<QuantizeOptions>();
  CLI::App* command =
      program.add_subcommand("quantize", "Write a model in 8 or 4 bits a weight, with a report");
  add_quantize_options(*command, *o);
  command->callback([o, &chosen] { chosen = [o] { return run_quantize(*o); }; });
}

}  // namespace qwench::bench
