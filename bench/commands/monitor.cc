// `qwench monitor`: a quick benchmark every interval, kept in a history, and what its last day says.
#include <CLI/CLI.hpp>

#include "bench/commands.h"
#include "bench/kernels/kernel_command.h"
#include "bench/machine/energy/energy_options.h"
#include "bench/machine/environment.h"
#include "bench/machine/host.h"
#include "bench/model/default_model.h"
#include "bench/monitoring/monitor_loop.h"
#include "bench/monitoring/quick_benchmark.h"
#include "bench/monitoring/summary.h"
#include "bench/support/duration_option.h"
#include "bench/support/exit_code.h"
#include "bench/support/interrupt.h"
#include "bench/support/number_option.h"
#include "bench/support/output.h"
#include "bench/support/output_file.h"
#include "bench/support/program.h"

namespace qwench::bench {

namespace {

constexpr int kMonitorSchemaVersion = 1;
constexpr int64_t kMillisecond = 1'000'000, kHour = 3'600'000'000'000;

struct MonitorOptions {
  QuickOptions quick;
  EnergyOptions energy;
  int64_t interval_ns = kHour / 2;
  int64_t count = 0;
  std::string history, output;
  bool json = false;
};

/// What a time depends on besides the model's name: only equal ones make a trend.
std::string configuration_text(const MonitorOptions& o, const QuickBenchmark& benchmark) {
  const ModelOptions& model = o.quick.model;
  const Backend& backend = benchmark.backend();
  return fmt::format(
      "{} weights, {} keys and values, {}, {} threads, {}, kernels {}, {} prompt tokens, {} new, "
      "{} "
      "build",
      name_of(weight_dtype(model, benchmark.config())), kv_name(model, benchmark.config()),
      backend.name(), backend.threads(), isa_option(), backend.policy().to_string(),
      benchmark.prompt_tokens(), o.quick.tokens, QWENCH_BUILD_TYPE);
}

OrderedJson config_json(const MonitorOptions& o, const QuickBenchmark& benchmark) {
  OrderedJson config = {{"model", model_name(o.quick.model.model)},
                        {"model_path", without_home(o.quick.model.model)},
                        {"configuration", configuration_text(o, benchmark)},
                        {"backend", benchmark.backend().name()},
                        {"threads", benchmark.backend().threads()},
                        {"kernel_policy", benchmark.backend().policy().to_string()},
                        {"prompt_tokens", benchmark.prompt_tokens()},
                        {"tokens", o.quick.tokens},
                        {"interval_ns", o.interval_ns},
                        {"count", o.count},
                        {"history", without_home(o.history)},
                        {"seed", o.quick.model.seed}};
  return config;
}

OrderedJson document_json(const MonitorOptions& o, const QuickBenchmark& benchmark,
                          const MonitorCounts& counts, const MonitorSummary& summary) {
  return {{"schema_version", kMonitorSchemaVersion},
          {"command", "monitor"},
          {"environment", environment_block()},
          {"config", config_json(o, benchmark)},
          {"interrupted", counts.stopped},
          {"samples", samples_json(summary)},
          {"summary", to_json(summary)}};
}

int exit_code(const MonitorCounts& counts) {
  if (counts.stopped) return kExitInterrupted;
  return counts.samples > 0 && counts.errors == 0 ? kExitOk : kExitError;
}

MonitorCounts watch(const MonitorOptions& o, QuickBenchmark& benchmark, History& history) {
  std::optional<EnergyMeter> meter = make_energy_meter(o.energy, benchmark.backend().name());
  if (meter) {
    meter->measure_idle(o.energy.idle_ns);
    note(meter->idle_text());
  }
  SystemClock clock;
  const MonitorSettings settings{model_name(o.quick.model.model), configuration_text(o, benchmark),
                                 o.interval_ns, MonitorSettings().error_wait_ns, o.count};
  const MonitorHooks hooks{[&] { return benchmark.run(meter ? &*meter : nullptr); },
                           [&](const HistoryEntry& entry) { history.append(entry); },
                           [](const std::string& line) { note(line); }};
  return run_monitor(settings, clock, hooks);
}

int run_monitor_command(MonitorOptions o) {
  if (wants_kernel_list(o.quick.model)) return print_kernel_list(o.quick.model);
  use_default_model(o.quick.model);
  check_output(o.output);
  History history(o.history);
  for (const std::string& text : history.notes()) note(text);
  const InterruptGuard guard;
  QuickBenchmark benchmark(o.quick);
  const MonitorCounts counts = watch(o, benchmark, history);
  const MonitorSummary summary =
      select_window(history.entries(), model_name(o.quick.model.model),
                    configuration_text(o, benchmark), SystemClock().unix_ns());
  const OrderedJson document = document_json(o, benchmark, counts, summary);
  const std::string json = to_text(document);
  deliver(o.json ? json : to_string(summary), o.output, json);
  return exit_code(counts);
}

}  // namespace

void add_monitor_command(CLI::App& program, Action& chosen) {
  auto o = std::make_shared<MonitorOptions>();
  CLI::App* command = program.add_subcommand(
      "monitor", "Repeat a quick benchmark for hours, keep a history, find trends");
  add_model_options(*command, o->quick.model);
  add_threads_option(*command, o->quick.model);
  add_duration_option(*command, "--interval", o->interval_ns,
                      "From one benchmark to the next: 30m, 90s, 2h, 500ms", kMillisecond,
                      24 * 365 * kHour);
  add_output_option(*command, "--history", o->history,
                    "JSON lines, one a benchmark, appended; the summary is of the last 24 hours")
      ->required();
  command->add_option("--count", o->count, "Benchmarks; 0: until Ctrl-C or SIGTERM")
      ->transform(number_within(int64_t(0), int64_t(1) << 40))
      ->capture_default_str();
  command->add_option("--prompt", o->quick.prompt,
                      "Answered each time (default: a fixed sentence)");
  command->add_option("-n,--new-tokens", o->quick.tokens, "Tokens of each answer")
      ->transform(number_within(int64_t(1), int64_t(1) << 20))
      ->capture_default_str();
  add_energy_options(*command, o->energy);
  command->add_flag("--json", o->json, "One JSON document on stdout at the end");
  add_output_option(*command, "--output", o->output,
                    "Write the JSON document to this file besides; `qwench report` draws it");
  command->callback([o, &chosen] { chosen = [o] { return run_monitor_command(*o); }; });
}

}  // namespace qwench::bench
