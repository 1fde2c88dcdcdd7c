// The text is compared unless only other sections were asked for.
#include "bench/accuracy/plan.h"

#include "bench/model/default_model.h"
#include "bench/support/program.h"

namespace qwench::bench {

namespace {

void check_options(const AccuracyOptions& o) {
  if (!o.dump.empty() && !o.against.empty())
    fail_usage("--dump, --against: expected one of them, got both");
  if (!o.gradient_golden.empty() && !o.gradients)
    fail_usage("--gradient-golden: only used with --gradients");
  if (!o.dump.empty() && !o.candidates.empty())
    fail_usage(
        "--dump: writes the --reference only, got --candidate; compare with --against later");
}

}  // namespace

Plan make_plan(AccuracyOptions o) {
  check_options(o);
  const bool only_golden =
      !o.golden.empty() && !o.text && o.dump.empty() && o.against.empty() && !o.gradients;
  if (!only_golden) use_default_model(o.model);
  if (o.candidates.empty()) o.candidates = {"default:"};
  std::vector<Configuration> configurations = {
      parse_configuration(o.reference, o.model, "--reference")};
  want_exact_kv(configurations.front().model);
  for (const std::string& text : o.candidates)
    configurations.push_back(parse_configuration(text, o.model, "--candidate"));
  require_distinct_names(configurations);
  Tolerances tolerances;
  for (const std::string& text : o.tolerances) tolerances.set(text);
  TaskSection tasks(o.tasks, configurations.front().model.model);
  const bool other = tasks.runnable() || o.gradients || !o.golden.empty();
  const bool with_text = o.text || !o.dump.empty() || !o.against.empty() || !other;
  return {std::move(o), std::move(configurations), std::move(tolerances), std::move(tasks),
          with_text};
}

OrderedJson config_json(const Plan& plan) {
  const AccuracyOptions& o = plan.options;
  std::vector<std::string> candidates;
  for (size_t i = 1; i < plan.configurations.size(); ++i)
    candidates.push_back(without_home(plan.configurations[i].text));
  std::vector<std::string> plugins;
  for (const std::string& path : o.model.plugins) plugins.push_back(without_home(path));
  return {{"model", model_name(o.model.model)},
          {"reference", without_home(plan.reference().text)},
          {"candidates", candidates},
          {"kernels", o.model.kernels},
          {"plugins", plugins},
          {"window", o.window},
          {"max_tokens", o.max_tokens},
          {"generate", o.generate},
          {"generate_prompts", o.prompts},
          {"seed", o.model.seed},
          {"tolerances", plan.tolerances.to_json(WeightPrecision::kFloat)},
          {"tolerances_8bit", plan.tolerances.to_json(WeightPrecision::k8Bit)},
          {"tolerances_below_8bit", plan.tolerances.to_json(WeightPrecision::kBelow8Bit)}};
}

}  // namespace qwench::bench
