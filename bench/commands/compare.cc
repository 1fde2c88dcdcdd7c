// `qwench compare A B [C...]`: is one configuration faster than another? In turns. Exits with 3 when one does
// not compute what the first one computes.
#include <CLI/CLI.hpp>
#include <filesystem>

#include "bench/commands.h"
#include "bench/comparison/comparison_report.h"
#include "bench/comparison/contenders.h"
#include "bench/comparison/guide_sets.h"
#include "bench/comparison/programs.h"
#include "bench/kernels/kernel_command.h"
#include "bench/support/exit_code.h"
#include "bench/support/interrupt.h"
#include "bench/support/last_words.h"
#include "bench/support/number_option.h"
#include "bench/support/output.h"
#include "bench/support/output_file.h"
#include "bench/support/program.h"

namespace qwench::bench {

namespace {

struct CompareOptions {
  ModelOptions model;
  std::vector<std::string> configurations, programs;
  GuideOptions guide;
  Workload workload;
  RoundSettings rounds;
  PairedRule rule;
  bool json = false, targets = false;
  std::string output, output_folder;

  /// The guides' own comparisons are judged as the guides do.
  bool with_targets() const {
    return targets || !guide.modes.empty() || guide.devices || guide.quantization;
  }
};

/// What is compared, and how each is written.
struct Compared {
  std::unique_ptr<Arms> arms;
  std::vector<std::string> texts;
  bool has_plugins = false;  // which may end the program
};

Compared compare_programs(const CompareOptions& o) {
  if (!o.configurations.empty())
    fail_usage("--exe: expected no configurations beside programs, got {}", o.configurations[0]);
  std::vector<Program> programs = read_programs(o.programs);
  if (programs.size() < 2)
    fail_usage("--exe: expected two programs or more, got {}", programs.size());
  Compared compared;
  for (const Program& p : programs) compared.texts.push_back(p.name + ":exe=" + p.path);
  compared.arms = std::make_unique<Programs>(std::move(programs), o.model, o.workload);
  return compared;
}

Compared compare_configurations(const CompareOptions& o) {
  std::vector<std::string> texts = guide_configurations(o.guide, o.model);
  // One device alone is measured: what else there is not was said.
  const size_t least = o.guide.devices ? 1 : 2;
  texts.insert(texts.end(), o.configurations.begin(), o.configurations.end());
  if (texts.size() < least)
    fail_usage(
        "compare: expected two configurations or more, such as `a: b:kernel.linear=reference`, got "
        "{}",
        texts.size());
  std::vector<Configuration> configurations;
  Compared compared;
  for (const std::string& text : texts) {
    configurations.push_back(parse_configuration(text, o.model, "compare"));
    compared.texts.push_back(configurations.back().text);
    compared.has_plugins = compared.has_plugins || !configurations.back().model.plugins.empty();
  }
  require_distinct_names(configurations);
  compared.arms = std::make_unique<Contenders>(std::move(configurations), o.workload);
  return compared;
}

OrderedJson config_json(const CompareOptions& o, const std::vector<std::string>& texts,
                        const Measured& measured) {
  OrderedJson written = OrderedJson::array(), repeats = OrderedJson::object();
  for (const std::string& text : texts) written.push_back(without_home(text));
  for (size_t p = 0; p < measured.repeats.size(); ++p)
    repeats[std::string(name_of(measured.phases[p]))] = measured.repeats[p];
  return {{"model", model_name(o.model.model)},
          {"configurations", written},
          {"prefill_tokens", o.workload.prefill},
          {"decode_tokens", o.workload.decode},
          {"depth", o.workload.depth},
          {"batch", o.workload.batch},
          {"passes_a_turn", repeats},
          {"seconds", o.rounds.seconds},
          {"rounds", o.rounds.rounds},
          {"alpha", o.rule.alpha},
          {"margin", o.rule.margin},
          {"seed", o.model.seed}};
}

/// benchmark_NAME_TIME.json of every configuration, as the guides name them.
void write_each(const ComparisonReport& report, const std::string& folder) {
  std::string time;
  for (const char c : utc_now())
    if (c != '-' && c != ':') time += c == 'T' ? '_' : c;
  const OrderedJson whole = report_json(report);
  for (const OrderedJson& configuration : whole["configurations"]) {
    const std::string path =
        fmt::format("{}/benchmark_{}_{}.json", folder, configuration["name"].get<std::string>(),
                    time.substr(0, time.size() - 1));
    OrderedJson one = whole;
    one["configurations"] = OrderedJson::array({configuration});
    write_text_file(path, to_text(one));
    note("wrote " + path);
  }
}

std::string form_of(const CompareOptions& o, const ComparisonReport& report) {
  return o.json ? to_text(report_json(report)) : report_text(report);
}

int run_compare(CompareOptions o) {
  if (wants_kernel_list(o.model)) return print_kernel_list(o.model);
  if (o.guide.modes == std::vector<std::string>{"list"}) return print(modes_text()), kExitOk;
  if (o.workload.prefill == 0 && o.workload.decode == 0)
    fail_usage("-p, -n: expected tokens to process, got 0 for both");
  o.workload.seed = o.rounds.seed = o.model.seed;
  check_output(o.output);
  if (!o.output_folder.empty()) make_folder(o.output_folder);
  const Compared compared = o.programs.empty() ? compare_configurations(o) : compare_programs(o);
  Progress progress;
  o.rounds.progress = [&](int64_t round, int64_t rounds) {
    progress.show(fmt::format("round {}/{}", round + 1, rounds));
  };
  const InterruptGuard guard;
  progress.show("comparing the outputs");
  std::vector<Closeness> closeness = compare_outputs(*compared.arms);
  const auto report_of = [&](const Measured& measured, bool cut_short) {
    ComparisonReport report = evaluate(*compared.arms, o.workload, closeness, measured, o.rule);
    report.config = config_json(o, compared.texts, measured);
    report.interrupted = cut_short, report.with_targets = o.with_targets();
    return report;
  };
  LastWords so_far;
  o.rounds.after_round = [&](const Measured& measured) {
    if (compared.has_plugins) so_far.set(form_of(o, report_of(measured, true)));
  };
  Measured measured;
  if (!closeness.empty() && all_finite(closeness))
    measured = take_turns(*compared.arms, o.workload, o.rounds);
  // Code from elsewhere may compute other things at its thousandth call than at its first.
  if (compared.has_plugins && !interrupted() && !any_wrong(closeness)) {
    std::vector<Closeness> afterwards = compare_outputs(*compared.arms);
    if (!afterwards.empty()) closeness = std::move(afterwards);
  }
  const ComparisonReport report = report_of(measured, interrupted());
  progress.done(fmt::format("{} rounds", report.rounds));
  const std::string json = to_text(report_json(report));
  deliver(o.json ? json : report_text(report), o.output, json);
  if (!o.output_folder.empty()) write_each(report, o.output_folder);
  if (report.interrupted) return kExitInterrupted;
  return any_wrong(closeness) ? kExitInaccurate : kExitOk;
}

}  // namespace

void add_compare_command(CLI::App& program, Action& chosen) {
  auto o = std::make_shared<CompareOptions>();
  CLI::App* command = program.add_subcommand(
      "compare", "Which of two configurations is faster: in turns, with a verdict");
  command->add_option("CONFIGURATION", o->configurations,
                      "NAME:key=value,key=value, the first one is compared with each other one;\n"
                      "keys: " +
                          configuration_keys());
  add_model_options(*command, o->model);
  add_threads_option(*command, o->model);
  command
      ->add_option("--exe", o->programs,
                   "Compare builds of this program instead: NAME=PATH, twice or more; a turn is a\n"
                   "process, so a round takes seconds")
      ->allow_extra_args(false);
  add_guide_options(*command, o->guide);
  const auto tokens = number_within(int64_t(0), int64_t(1) << 20);
  command
      ->add_option("-p,--prompt-tokens", o->workload.prefill, "Tokens of a prompt; 0: no prefill")
      ->transform(tokens)
      ->capture_default_str();
  command->add_option("-n,--new-tokens", o->workload.decode, "Decode steps a pass; 0: no decode")
      ->transform(tokens)
      ->capture_default_str();
  command->add_option("-d,--depth", o->workload.depth, "Tokens of context before them")
      ->transform(tokens)
      ->capture_default_str();
  command->add_option("-b,--batch", o->workload.batch, "Sequences at once")
      ->transform(number_within(int64_t(1), int64_t(4096)))
      ->capture_default_str();
  command->add_option("--seconds", o->rounds.seconds, "Of timing, for all configurations")
      ->transform(number_within(0.1, 86400.0))
      ->capture_default_str();
  command
      ->add_option("--rounds", o->rounds.rounds,
                   "How many instead of how long; fewer than 8 give no verdict")
      ->transform(number_within(int64_t(1), int64_t(1) << 20));
  command->add_option("--alpha", o->rule.alpha, "Chance of a verdict where nothing differs")
      ->transform(number_within(1e-6, 0.5))
      ->capture_default_str();
  command->add_option("--margin", o->rule.margin, "Differences of no interest, 0.02: up to 2 %")
      ->transform(number_within(0.0, 10.0))
      ->capture_default_str();
  command->add_flag(
      "--targets", o->targets,
      "Judge by the guides too, as --modes does: 1.2 times as fast, 15 % less memory,\n"
      "logits within 1 %");
  command->add_flag("--json", o->json, "One JSON document on stdout");
  add_output_option(*command, "--output", o->output,
                    "Write the JSON document to this file besides");
  add_output_option(*command, "--output-dir", o->output_folder,
                    "And benchmark_NAME_TIME.json of every configuration to this folder");
  command->callback([o, &chosen] { chosen = [o] { return run_compare(*o); }; });
}

}  // namespace qwench::bench
