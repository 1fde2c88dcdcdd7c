// `qwench accuracy`: proves that a configuration still computes what the reference computes. Each
// section (text, tasks, gradients, golden folders) adds its part to one report and one exit code.
#include <CLI/CLI.hpp>

#include "bench/accuracy/golden.h"
#include "bench/accuracy/plan.h"
#include "bench/accuracy/text_run.h"
#include "bench/commands.h"
#include "bench/gradients/gradient_section.h"
#include "bench/kernels/kernel_command.h"
#include "bench/machine/environment.h"
#include "bench/model/kv_choice.h"
#include "bench/support/exit_code.h"
#include "bench/support/interrupt.h"
#include "bench/support/number_option.h"
#include "bench/support/output.h"
#include "bench/support/output_file.h"

namespace qwench::bench {

namespace {

constexpr int kAccuracySchemaVersion = 1;

using Models = std::vector<std::unique_ptr<ConfiguredModel>>;

/// The model of a configuration that the text section left in memory; null when it left none.
ConfiguredModel* find(const Models& loaded, const Configuration& configuration) {
  for (const auto& model : loaded)
    if (model->configuration().text == configuration.text) return model.get();
  return nullptr;
}

/// On models in memory, else on one after the other.
void run_tasks(Plan& plan, const Models& loaded, Findings& findings) {
  if (plan.tasks.empty()) return;
  for (const Configuration& c : plan.configurations) {
    if (interrupted()) break;
    std::unique_ptr<ConfiguredModel> own;
    ConfiguredModel* model = find(loaded, c);
    if (!model) {
      if (!finished([&] { own = std::make_unique<ConfiguredModel>(open_configured(c, 1, 1)); }))
        break;
      model = own.get();
    }
    model->stop_watching();
    SamplingOptions greedy;
    greedy.greedy = true;
    plan.tasks.run(c.name, model->loaded(), open_text(c.model, model->checkpoint(), greedy),
                   c.model);
  }
  findings.document["tasks"] = plan.tasks.to_json();
  findings.add(plan.tasks.to_string(), plan.tasks.passed());
}

void run_gradients(const Plan& plan, Findings& findings) {
  const AccuracyOptions& o = plan.options;
  if (!o.gradients) return;
  const auto open = [](const Configuration& c) {
    return of_configuration(c, [&] { return open_model(c.model); });
  };
  const std::unique_ptr<Checkpoint> reference = open(plan.reference());
  GradientArgs args{*reference, weight_dtype(plan.reference().model, reference->config())};
  std::vector<std::unique_ptr<Checkpoint>> checkpoints;
  for (size_t i = 1; i < plan.configurations.size(); ++i) {
    const Configuration& c = plan.configurations[i];
    checkpoints.push_back(open(c));
    const Checkpoint& checkpoint = *checkpoints.back();
    args.candidates.push_back({c.name, &checkpoint, weight_dtype(c.model, checkpoint.config())});
  }
  args.layer = o.gradient_layer, args.seed = o.model.seed;
  args.golden_files = o.gradient_golden;
  const GradientReport report = compare_gradients(args);
  findings.document["gradients"] = to_json(report);
  findings.add(to_string(report), passed(report));
}

/// Every configuration on every golden folder.
void run_golden(const Plan& plan, Findings& findings) {
  if (plan.options.golden.empty()) return;
  OrderedJson rows = OrderedJson::array();
  std::string said;
  bool pass = true;
  for (const std::string& folder : golden_folders(plan.options.golden))
    for (Configuration c : plan.configurations) {
      if (interrupted()) break;
      c.model.model = folder;
      want_exact_kv(c.model);
      const ConfiguredModel model(open_configured(c, 1, 1));
      GoldenOptions options;
      options.kv = kv_type(model.configuration().model);
      options.prefill_chunk = c.model.prefill_chunk;
      const GoldenResult result = check_golden(folder, model.loaded().model, options);
      OrderedJson row = {{"configuration", c.name}};
      row.update(to_json(result));
      rows.push_back(std::move(row));
      said += c.name + ": " + to_string(result);
      pass = pass && result.passed();
    }
  findings.document["golden"] = rows;
  findings.add(said, pass);
}

int run_accuracy(const AccuracyOptions& o) {
  if (wants_kernel_list(o.model)) return print_kernel_list(o.model);
  const InterruptGuard guard;
  Plan plan = make_plan(o);
  check_output(o.output), check_output(o.dump);
  Findings findings;
  findings.document = {{"schema_version", kAccuracySchemaVersion},
                       {"command", "accuracy"},
                       {"environment", nullptr},  // its times are those of the end
                       {"config", config_json(plan)}};
  Models models;
  const auto add = [](const auto& section) {  // nothing of one that was interrupted while loading
    if (!interrupted()) finished(section);
  };
  add([&] {
    if (plan.with_text) models = run_text(plan, findings);
  });
  add([&] { run_tasks(plan, models, findings); });
  models.clear();
  add([&] { run_gradients(plan, findings); });
  add([&] { run_golden(plan, findings); });
  findings.interrupted = interrupted();
  findings.document["pass"] = findings.pass;
  findings.document["interrupted"] = findings.interrupted;
  findings.document["environment"] = environment_block();
  const std::string json = to_text(findings.document);
  deliver(o.json ? json : environment_line() + "\n" + findings.text, o.output, json);
  if (findings.interrupted) return kExitInterrupted;
  return findings.pass ? kExitOk : kExitInaccurate;
}

void add_text_options(CLI::App& command, AccuracyOptions& o) {
  command.add_option("--text", o.text, "Text to compare over (default: the model's heldout.txt)");
  command.add_option("--window", o.window, "Tokens that see each other")
      ->transform(number_within(int64_t(2), int64_t(1) << 20))
      ->capture_default_str();
  command.add_option("--max-tokens", o.max_tokens, "Only the first tokens of the text; 0: all")
      ->transform(number_within(int64_t(0), int64_t(1) << 40));
  command
      .add_option(
          "--tolerance", o.tolerances,
          fmt::format("NAME=LIMIT, repeatable; names: {}", fmt::join(Tolerances::names(), ", ")))
      ->allow_extra_args(false);
  command.add_option("--generate", o.generate, "Tokens of each greedy continuation; 0: none")
      ->transform(number_within(int64_t(0), int64_t(1) << 16))
      ->capture_default_str();
  command.add_option("--generate-prompts", o.prompts, "Documents whose beginnings are continued")
      ->transform(number_within(int64_t(1), int64_t(1) << 16))
      ->capture_default_str();
}

void add_section_options(CLI::App& command, AccuracyOptions& o) {
  command.add_flag("--no-floor", o.no_floor, "Do not run the reference a second time");
  command.add_flag("--no-same-weights", o.no_same_weights,
                   "Do not run the reference kernels on a candidate's own weights below 8 bits");
  add_output_option(command, "--dump", o.dump, "Write the reference's distributions to this file");
  command.add_option("--against", o.against, "Compare with such a file, one model in memory");
  command.add_option("--golden", o.golden, "Compare with golden folders of other software");
  command.add_flag("--gradients", o.gradients, "Compare gradients through one layer");
  command.add_option("--gradient-layer", o.gradient_layer, "Which layer, from 0")
      ->transform(number_within(int64_t(0), int64_t(1) << 20));
  command.add_option("--gradient-golden", o.gradient_golden, "Files of expected gradients");
  add_task_options(command, o.tasks);
}

}  // namespace

void add_accuracy_command(CLI::App& program, Action& chosen) {
  auto o = std::make_shared<AccuracyOptions>();
  CLI::App* command =
      program.add_subcommand("accuracy", "Compare configurations with the reference");
  add_model_options(*command, o->model);
  add_threads_option(*command, o->model);
  command
      ->add_option("--reference", o->reference,
                   "NAME:key=value,key=value; keys: " + configuration_keys())
      ->capture_default_str();
  command
      ->add_option("--candidate", o->candidates,
                   "The same, repeatable (default: `default:`, the options as they are)")
      ->allow_extra_args(false);
  add_text_options(*command, *o);
  add_section_options(*command, *o);
  command->add_flag("--json", o->json, "One JSON document on stdout");
  add_output_option(*command, "--output", o->output,
                    "Write the JSON document to this file besides");
  command->callback([o, &chosen] { chosen = [o] { return run_accuracy(*o); }; });
}

}  // namespace qwench::bench
