// `qwench regress --baseline FILE`: measures again what a saved result was made with and says whether it
// got worse; the exit code is for CI and for git bisect.
#include <CLI/CLI.hpp>
#include <filesystem>

#include "bench/commands.h"
#include "bench/regression/regression.h"
#include "bench/support/environment.h"
#include "bench/support/exit_code.h"
#include "bench/support/number_option.h"
#include "bench/support/output.h"
#include "bench/sweep/options.h"
#include "bench/sweep/report.h"
#include "engine/check.h"

namespace qwench::bench {

namespace {

struct RegressOptions {
  BenchOptions bench;
  std::string baseline, current;
  Thresholds thresholds;
  bool json = false, strict = false, bisect = false;
};

constexpr int kGood = 0, kBad = 1, kSkip = 125;  // what git bisect run understands

/// The result of now: from a file, or measured with the baseline's own options.
Json current_result(const CLI::App& command, RegressOptions& o, bool& stopped) {
  if (!o.current.empty()) return parse_json_file(o.current);
  o.bench.config = o.baseline;
  apply_config_file(command, o.bench);
  const BenchReport report = measure_bench(o.bench);
  stopped = report.interrupted;
  return parse_json(to_text(report_json(report)), "the current result");
}

int exit_code_of(const RegressOptions& o, const RegressionReport& report) {
  const bool worse = report.any(Change::kRegressed);
  const bool unsure = report.any(Change::kInconclusive) || report.metrics.empty();
  if (o.bisect) return worse ? kBad : unsure ? kSkip : kGood;
  if (worse) return kExitRegression;
  return unsure && o.strict ? kExitInconclusive : kExitOk;
}

void say(const RegressOptions& o, const RegressionReport& report) {
  if (!o.json) return print(environment_line() + "\n" + to_string(report));
  OrderedJson document = {{"schema_version", kSchemaVersion},
                          {"command", "regress"},
                          {"environment", environment_block()},
                          {"baseline", without_home(o.baseline)}};
  document.update(to_json(report));
  print(to_text(document));
}

int run_regress(const CLI::App& command, RegressOptions& o) {
  RegressionReport report;
  bool stopped = false;
  std::error_code ignored;
  if (!std::filesystem::exists(o.baseline, ignored)) {
    report.notes.push_back(fmt::format(
        "no baseline {}: nothing to compare with; `qwench bench ... --output {}` makes one",
        o.baseline, o.baseline));
    note(report.notes.back());
  } else {
    const Json baseline = parse_json_file(o.baseline);
    report =
        find_regressions(baseline, current_result(command, o, stopped), o.baseline, o.thresholds);
  }
  say(o, report);
  return stopped ? kExitInterrupted : exit_code_of(o, report);
}

/// A commit that cannot be measured is neither good nor bad.
int run_bisect(const CLI::App& command, RegressOptions& o) {
  try {
    return run_regress(command, o);
  } catch (const std::exception& error) {
    note(fmt::format("skipped: {}", error.what()));
    return kSkip;
  }
}

}  // namespace

void add_regress_command(CLI::App& program, Action& chosen) {
  auto o = std::make_shared<RegressOptions>();
  CLI::App* command = program.add_subcommand(
      "regress", "Has it become slower, later or larger than a saved result of `bench`?");
  const auto part = [&](const char* name, double& value, const char* help) {
    command
        ->add_option_function<double>(
            name, [&value](const double& percent) { value = percent / 100; }, help)
        ->transform(number_within(0.0, 1000.0));
  };
  command->add_option("--baseline", o->baseline, "Result of `qwench bench --output`")->required();
  command->add_option("--current", o->current, "Another result instead of measuring now");
  part("--speed", o->thresholds.speed, "Percent of tokens/s that may be lost (default: 5)");
  part("--first-token", o->thresholds.first_token,
       "Percent that the first token may come later (default: 10)");
  part("--memory", o->thresholds.memory, "Percent of memory that may be added (default: 15)");
  command->add_option("--runs", o->bench.runs, "Timed runs of a case (default: the baseline's)")
      ->transform(number_within(int64_t(1), int64_t(10000)));
  command->add_option("-m,--model", o->bench.model.model,
                      "Model to measure (default: the baseline's)");
  add_plugin_option(*command, o->bench.model.plugins);
  command->add_option("-t,--threads", o->bench.threads, "Thread counts (default: the baseline's)");
  command->add_flag("--strict", o->strict, "Exit with 5 where nothing could be said");
  command->add_flag("--bisect", o->bisect,
                    "Exit codes for `git bisect run`: 0 good, 1 bad, 125 skip");
  command->add_flag("--json", o->json, "One JSON document on stdout");
  command->callback([o, command, &chosen] {
    chosen = [o, command] {
      return o->bisect ? run_bisect(*command, *o) : run_regress(*command, *o);
    };
  });
}

}  // namespace qwench::bench
