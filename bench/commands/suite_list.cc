// `qwench list` and `qwench describe`: what there is to measure, with what, and on what.
#include <CLI/CLI.hpp>

#include "bench/commands.h"
#include "bench/kernels/kernel_command.h"
#include "bench/machine/host.h"
#include "bench/suites/prompts.h"
#include "bench/suites/registry.h"
#include "bench/suites/suites_command.h"
#include "bench/support/exit_code.h"
#include "bench/support/output.h"
#include "bench/support/suggest.h"
#include "bench/support/table.h"
#include "cuda/cuda_backend.h"
#include "metal/metal_backend.h"

namespace qwench::bench {

namespace {

struct MetricRow {
  std::string_view name, unit, meaning;
};
constexpr MetricRow kMetrics[] = {
    {"samples_per_second", "samples/s", "prompts answered a second, prompt and answer"},
    {"tokens_per_second", "tokens/s", "generated tokens over all the time, the prompt's included"},
    {"prompt_tokens_per_second", "tokens/s", "prompt tokens over the time to the first token"},
    {"decode_tokens_per_second", "tokens/s", "generated tokens after the first, over their time"},
    {"latency", "ns", "from the start of the prompt to the last token"},
    {"first_token_latency", "ns", "from the start of the prompt to the first token (TTFT)"},
    {"token_latency", "ns", "from one generated token to the next (ITL)"},
    {"percent_of_roofline", "%", "of the bandwidth or arithmetic measured on this machine"},
    {"ceiling_percent", "%", "a target as a part of what this machine was measured to allow"},
    {"memory", "bytes", "by kind: weights, kv_cache, activations, scratch; and resident set"},
    {"logits_relative_error", "ratio", "|ours - reference| / |reference| (L2), over all logits"},
    {"kld_mean", "nat", "mean KL divergence of the next-token distributions"},
    {"top1_agreement", "ratio", "positions with the same most likely token"},
    {"generation_exact_prefix", "ratio", "part of a greedy answer before it differs"},
    {"perplexity", "ratio", "exp of the mean negative log-likelihood of a token"},
    {"rouge1, rouge2, rougeL", "ratio", "words in common with a reference (F1)"},
    {"bleu", "percent", "corpus BLEU against references"},
    {"efficiency", "ratio", "speed over n times the speed of one thread or sequence"},
};

std::string benchmarks() {
  Table table({"<benchmark", "<types", "<measures"});
  for (const Suite& s : suites())
    table.add({std::string(s.name), std::string(s.types), std::string(s.description)});
  return table.to_string() +
         fmt::format(
             "\ntypes: {}\nrun: qwench bench --benchmark-type TYPE, or --specific-tests "
             "NAME...; how: qwench describe NAME\n",
             fmt::join(benchmark_types(), ", "));
}

std::string metrics() {
  Table table({"<metric", "<unit", "<is"});
  for (const MetricRow& m : kMetrics)
    table.add({std::string(m.name), std::string(m.unit), std::string(m.meaning)});
  return table.to_string();
}

std::string devices() {
  Table table({"<device", "<state"});
  const auto state = [](const char* missing) {
    return missing ? std::string("not available: ") + missing : std::string("ready");
  };
  table.add({"cpu", fmt::format("ready: {}, {} cores, {}", host().device, host().physical_cores,
                                isa_text())});
  table.add({"cuda", state(cuda::cuda_unavailable())});
  table.add({"metal", state(metal::metal_unavailable())});
  return table.to_string();
}

std::string scenarios() {
  Table table({"<scenario", "<what"});
  for (const PromptCategory& c : prompt_categories()) {
    std::string names;
    for (const Prompt& p : c.prompts) names += (names.empty() ? "" : ", ") + std::string(p.name);
    table.add({std::string(c.name), fmt::format("{} tokens about {}", c.answer_tokens, names)});
  }
  for (const Suite& s : suites())
    if (s.has_type("scenario")) table.add({std::string(s.name), std::string(s.description)});
  return table.to_string();
}

std::string describe_suite(const Suite& s) {
  return fmt::format("{}: {}\ntypes: {}\nmethod: {}\nrun: qwench bench --specific-tests {}\n",
                     s.name, s.description, s.types, s.method, s.name);
}

std::string describe_type(const std::string& type) {
  std::string text = fmt::format("{}: a type of benchmark, of the suites\n", type);
  for (const Suite& s : suites())
    if (s.has_type(type)) text += fmt::format("  {}: {}\n", s.name, s.description);
  return text + fmt::format("run: qwench bench --benchmark-type {}\n", type);
}

int run_list(const std::string& what) {
  if (what == "kernels") return print_kernel_list({});
  if (what == "metrics")
    print(metrics());
  else if (what == "devices")
    print(devices());
  else if (what == "scenarios")
    print(scenarios());
  else
    print(benchmarks());
  return kExitOk;
}

std::string describe_scenario(const PromptCategory& c) {
  std::string text = fmt::format("{}: {} tokens for each of\n", c.name, c.answer_tokens);
  for (const Prompt& p : c.prompts) text += fmt::format("{}: {}\n", p.name, p.text);
  return text;
}

/// Everything that can be described: name and text.
std::vector<std::pair<std::string, std::string>> descriptions() {
  std::vector<std::pair<std::string, std::string>> all;
  for (const Suite& s : suites()) all.emplace_back(s.name, describe_suite(s));
  for (const std::string& type : benchmark_types())
    if (type != "specific") all.emplace_back(type, describe_type(type));
  for (const MetricRow& m : kMetrics)
    all.emplace_back(m.name, fmt::format("{} ({}): {}\n", m.name, m.unit, m.meaning));
  for (const PromptCategory& c : prompt_categories())
    all.emplace_back(c.name, describe_scenario(c));
  return all;
}

int run_describe(const std::string& name) {
  std::vector<std::string> names;
  std::string found;
  for (const auto& [known, text] : descriptions()) {
    if (known == name) found += (found.empty() ? "" : "\n") + text;
    names.push_back(known);
  }
  if (!found.empty()) {
    print(found);
    return kExitOk;
  }
  const std::string near = nearest(name, names);
  fail_usage(
      "describe: expected a benchmark, a type, a metric or a scenario, got {}{} (`qwench list` "
      "shows them)",
      in_quotes(name), near.empty() ? "" : "; did you mean " + near + "?");
}

}  // namespace

void add_list_command(CLI::App& program, Action& chosen) {
  auto what = std::make_shared<std::string>("benchmarks");
  CLI::App* command =
      program.add_subcommand("list", "List benchmarks, kernels, metrics, devices or scenarios");
  command->add_option("what", *what, "benchmarks, kernels, metrics, devices or scenarios")
      ->check(CLI::IsMember({"benchmarks", "kernels", "metrics", "devices", "scenarios"}))
      ->capture_default_str();
  command->callback([what, &chosen] { chosen = [what] { return run_list(*what); }; });
}

void add_describe_command(CLI::App& program, Action& chosen) {
  auto name = std::make_shared<std::string>();
  CLI::App* command =
      program.add_subcommand("describe", "Say what a benchmark does, and when it passes");
  command->add_option("name", *name, "A benchmark, type, metric or scenario")->required();
  command->callback([name, &chosen] { chosen = [name] { return run_describe(*name); }; });
}

}  // namespace qwench::bench
