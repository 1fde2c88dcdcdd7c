// `qwench regress --baseline FILE`: measures again what a saved result was made with and says whether it
// got worse; the exit code is for CI and for git bisect.
#include <CLI/CLI.hpp>
#include <filesystem>

#include "bench/commands.h"
#include "bench/machine/environment.h"
#include "bench/regression/regression.h"
#include "bench/support/exit_code.h"
#include "bench/support/number_option.h"
#include "bench/support/output.h"
#include "bench/support/program.h"
#include "bench/sweep/options.h"
#include "bench/sweep/report.h"

namespace qwench::bench {

namespace {

struct RegressOptions {
  BenchOptions bench;
  std::string baseline, current;
  std::vector<std::string> across;
  Thresholds thresholds;
  bool json = false, strict = false, bisect = false, allow_missing = false;
};

constexpr int kGood = 0, kBad = 1, kSkip = 125;  // what git bisect run understands
constexpr const char* kNow = "the current result";

/// Measured with the baseline's own options. Nothing is measured that could not be compared afterwards.
SavedResult measure_now(const CLI::App& command, RegressOptions& o, const SavedResult& baseline) {
  o.bench.config = o.baseline;
  apply_config_file(command, o.bench);
  const OrderedJson planned = {{"config", bench_config(o.bench)},
                               {"environment", environment_block()}};
  SavedResult now;
  now.name = kNow;
  now.conditions = conditions_of(parse_json(to_text(planned), kNow), kNow);
  require_alike({baseline, now, o.thresholds, o.across});
  return read_saved_result(parse_json(to_text(report_json(measure_bench(o.bench))), kNow), kNow);
}

int exit_code_of(const RegressOptions& o, Change verdict) {
  if (o.bisect)
    return verdict == Change::kRegressed ? kBad : verdict == Change::kNone ? kGood : kSkip;
  if (verdict == Change::kRegressed) return kExitRegression;
  return verdict == Change::kInconclusive && o.strict ? kExitInconclusive : kExitOk;
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

/// With --allow-missing: the first run of a pipeline has nothing to compare with yet.
RegressionReport nothing_to_compare(const RegressOptions& o) {
  RegressionReport report;
  report.unknown.push_back(fmt::format(
      "no baseline {}: nothing to compare with; `qwench bench ... --output {}` makes one",
      o.baseline, o.baseline));
  note(report.unknown.back());
  return report;
}

int run_regress(const CLI::App& command, RegressOptions& o) {
  RegressionReport report;
  bool stopped = false;
  std::error_code ignored;
  const bool there = std::filesystem::exists(o.baseline, ignored);
  if (!there && !o.allow_missing)
    fail(
        "--baseline {}: expected a result of `qwench bench`, found no such file; `qwench bench ... "
        "--output {}` makes one, and --allow-missing lets a first run pass without",
        o.baseline, o.baseline);
  if (there) {
    RegressionArgs args{
        read_saved_result(parse_json_file(o.baseline), o.baseline), {}, o.thresholds, o.across};
    args.current = o.current.empty() ? measure_now(command, o, args.baseline)
                                     : read_saved_result(parse_json_file(o.current), o.current);
    stopped = o.current.empty() && args.current.interrupted;
    report = find_regressions(args);
  } else {
    report = nothing_to_compare(o);
  }
  say(o, report);
  return stopped ? kExitInterrupted : exit_code_of(o, report.verdict());
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
  CLI::Option* current =
      command->add_option("--current", o->current, "Another result instead of measuring now");
  part("--speed", o->thresholds.speed, "Percent of tokens/s that may be lost (default: 5)");
  part("--first-token", o->thresholds.first_token,
       "Percent that the first token may come later (default: 10)");
  part("--memory", o->thresholds.memory, "Percent of memory that may be added (default: 15)");
  command->add_option("--runs", o->bench.runs, "Timed runs of a case (default: the baseline's)")
      ->transform(number_within(int64_t(1), int64_t(10000)))
      ->excludes(current);
  command
      ->add_option("-m,--model", o->bench.model.model, "Model to measure (default: the baseline's)")
      ->excludes(current);
  add_plugin_option(*command, o->bench.model.plugins);
  command->add_option("-t,--threads", o->bench.threads, "Thread counts (default: the baseline's)")
      ->excludes(current);
  command
      ->add_option("--across", o->across,
                   fmt::format("A difference that is meant, repeatable: {}",
                               fmt::join(condition_fields(), ", ")))
      ->check(CLI::IsMember(condition_fields()).description(""))
      ->type_name("FIELD")
      ->allow_extra_args(false);
  command->add_flag("--allow-missing", o->allow_missing,
                    "No baseline yet is a note instead of an error");
  command->add_flag("--strict", o->strict, "Exit with 5 where it cannot be said");
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
