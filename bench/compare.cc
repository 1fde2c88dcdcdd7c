// `qwench compare A B [C...]`: is one configuration faster than another? In turns, in one process.
#include "bench/commands.h"
#include "bench/comparison/comparison_report.h"
#include "bench/environment.h"
#include "bench/exit_code.h"
#include "bench/interrupt.h"
#include "bench/kernel_command.h"
#include "bench/output.h"

namespace qwench::bench {

namespace {

struct CompareOptions {
  ModelOptions model;
  std::vector<std::string> configurations;
  Workload workload;
  RoundSettings rounds;
  PairedRule rule;
  bool json = false;
  std::string output;
};

std::vector<Configuration> read_configurations(const CompareOptions& o) {
  if (o.configurations.size() < 2)
    fail_usage(
        "compare: expected two configurations or more, such as `a: b:kernel.linear=reference`, got "
        "{}",
        o.configurations.size());
  std::vector<Configuration> configurations;
  for (const std::string& text : o.configurations)
    configurations.push_back(parse_configuration(text, o.model, "compare"));
  require_distinct_names(configurations);
  return configurations;
}

OrderedJson config_json(const CompareOptions& o, const std::vector<Configuration>& configurations,
                        const Measured& measured) {
  OrderedJson texts = OrderedJson::array(), repeats = OrderedJson::object();
  for (const Configuration& c : configurations) texts.push_back(without_home(c.text));
  for (size_t p = 0; p < measured.repeats.size(); ++p)
    repeats[std::string(name_of(measured.phases[p]))] = measured.repeats[p];
  return {{"model", model_name(o.model.model)},
          {"configurations", texts},
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

int run_compare(CompareOptions o) {
  if (wants_kernel_list(o.model)) return print_kernel_list(o.model);
  if (o.workload.prefill == 0 && o.workload.decode == 0)
    fail_usage("-p, -n: expected tokens to process, got 0 for both");
  o.workload.seed = o.rounds.seed = o.model.seed;
  const std::vector<Configuration> configurations = read_configurations(o);
  const Contenders contenders = load_contenders(configurations, o.workload);
  Progress progress;
  o.rounds.progress = [&](int64_t round, int64_t rounds) {
    progress.show(fmt::format("round {}/{}", round + 1, rounds));
  };
  const InterruptGuard guard;
  const Measured measured = take_turns(contenders, o.workload, o.rounds);
  ComparisonReport report = evaluate(contenders, o.workload, measured, o.rule);
  report.config = config_json(o, configurations, measured);
  report.interrupted = interrupted();
  progress.done(fmt::format("{} rounds", report.rounds));
  if (!o.output.empty()) write_text_file(o.output, to_text(report_json(report)));
  print(o.json ? to_text(report_json(report)) : report_text(report));
  return report.interrupted ? kExitInterrupted : kExitOk;
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
  const auto tokens = CLI::Range(int64_t(0), int64_t(1) << 20);
  command
      ->add_option("-p,--prompt-tokens", o->workload.prefill, "Tokens of a prompt; 0: no prefill")
      ->check(tokens)
      ->capture_default_str();
  command->add_option("-n,--new-tokens", o->workload.decode, "Decode steps a pass; 0: no decode")
      ->check(tokens)
      ->capture_default_str();
  command->add_option("-d,--depth", o->workload.depth, "Tokens of context before them")
      ->check(tokens)
      ->capture_default_str();
  command->add_option("-b,--batch", o->workload.batch, "Sequences at once")
      ->check(CLI::Range(int64_t(1), int64_t(4096)))
      ->capture_default_str();
  command->add_option("--seconds", o->rounds.seconds, "Of timing, for all configurations")
      ->check(CLI::Range(0.1, 86400.0))
      ->capture_default_str();
  command
      ->add_option("--rounds", o->rounds.rounds,
                   "How many instead of how long; 12 or more separate")
      ->check(CLI::Range(int64_t(1), int64_t(1) << 20));
  command->add_option("--alpha", o->rule.alpha, "Chance of a verdict where nothing differs")
      ->check(CLI::Range(1e-6, 0.5))
      ->capture_default_str();
  command->add_option("--margin", o->rule.margin, "Differences of no interest, 0.02: up to 2 %")
      ->check(CLI::Range(0.0, 10.0))
      ->capture_default_str();
  command->add_flag("--json", o->json, "One JSON document on stdout");
  command->add_option("--output", o->output, "Write the JSON document to this file besides");
  command->callback([o, &chosen] { chosen = [o] { return run_compare(*o); }; });
}

}  // namespace qwench::bench
