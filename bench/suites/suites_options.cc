// Names are checked before anything is opened, so that a misspelt one costs nothing.
#include <CLI/CLI.hpp>
#include <algorithm>

#include "bench/suites/registry.h"
#include "bench/suites/suites_command.h"
#include "bench/support/list_option.h"
#include "bench/support/number_option.h"
#include "bench/support/suggest.h"

namespace qwench::bench {

namespace {

/// The suites behind --metric.
struct MetricSuites {
  const char* metric;
  std::vector<std::string> suites;
};
const std::vector<MetricSuites>& metric_suites() {
  static const std::vector<MetricSuites> list = {
      {"speed", {"throughput", "latency", "latency_consistency"}},
      {"memory", {"memory_phases", "memory_stress"}},
      {"quality", {"quality", "accuracy"}},
  };
  return list;
}

std::string suggestion(const std::string& word, const std::vector<std::string>& candidates) {
  const std::string near = nearest(word, candidates);
  return near.empty() ? "" : "; did you mean " + near + "?";
}

std::vector<std::string> suite_names() {
  std::vector<std::string> names;
  for (const Suite& suite : suites()) names.emplace_back(suite.name);
  return names;
}

std::vector<const Suite*> find_all(const std::vector<std::string>& names) {
  std::vector<const Suite*> found;
  for (const std::string& name : names) {
    const Suite* suite = find_suite(name);
    if (!suite)
      fail_usage("--specific-tests: unknown test {}{} (`qwench list benchmarks` shows all)",
                 in_quotes(name), suggestion(name, suite_names()));
    if (std::find(found.begin(), found.end(), suite) == found.end()) found.push_back(suite);
  }
  return found;
}

bool given(const CLI::App& command, const char* option) {
  return command.get_option(option)->count() > 0;
}

int64_t one_number(const std::string& list, const char* option, int64_t most) {
  const std::vector<int64_t> values = parse_axis(list, option, 1, most);
  if (values.size() > 1)
    fail_usage("{}: suites take one number, got {}; the suite `scalability` has a sweep", option,
               values.size());
  return values.front();
}

}  // namespace

const std::vector<std::string>& benchmark_types() {
  static const std::vector<std::string> types = {
      "all",    "comprehensive", "accuracy", "hardware",  "comparative",
      "memory", "scalability",   "system",   "automated", "specific"};
  return types;
}

namespace {

constexpr const char* kGroup = "Suites";

void declare_choice(CLI::App& command, SuitesOptions& o) {
  command
      .add_option("--benchmark-type", o.type,
                  fmt::format("Run the suites of a type instead of a sweep:\n{}",
                              fmt::join(benchmark_types(), ", ")))
      ->group(kGroup);
  command
      .add_option("--specific-tests", o.specific,
                  "Run these suites (`qwench list benchmarks`, `qwench describe NAME`)")
      ->group(kGroup);
  command.add_option("--metric", o.metric, "The suites about speed, memory or quality")
      ->check(CLI::IsMember({"speed", "memory", "quality"}))
      ->group(kGroup);
  command
      .add_flag("--quick", o.suite.quick,
                "The smallest sizes that mean something; alone: of all suites")
      ->group(kGroup);
}

void declare_sizes(CLI::App& command, SuitesOptions& o) {
  command
      .add_option("--max-tokens,--max-new-tokens", o.suite.max_tokens,
                  "Tokens of each answer (default: the suite's own)")
      ->transform(number_within(int64_t(1), int64_t(1) << 20))
      ->group(kGroup);
  command
      .add_option("--prompts-file", o.suite.prompts_file,
                  "JSON array [{prompt, reference}] for `quality`")
      ->group(kGroup);
  command
      .add_option("--duration", o.suite.seconds,
                  "Seconds of `stability` and `comparative` (default: 10 and 8)")
      ->transform(number_within(0.001, 86400.0 * 7))
      ->group(kGroup);
}

void declare_flow(CLI::App& command, SuitesOptions& o) {
  command.add_flag("--strict", o.strict, "Exit with 1 when a criterion is missed")->group(kGroup);
}

}  // namespace

void declare_suites_options(CLI::App& command, SuitesOptions& o) {
  declare_choice(command, o);
  declare_sizes(command, o);
  declare_flow(command, o);
}

bool wants_suites(const SuitesOptions& o) {
  return !o.type.empty() || !o.specific.empty() || !o.metric.empty() || o.suite.quick || o.strict ||
         !o.suite.prompts_file.empty() || o.suite.seconds > 0;
}

void take_bench_options(const CLI::App& command, const BenchOptions& bench, SuitesOptions& o) {
  for (const char* option : {"--prompt-tokens", "--depth", "--config"})
    if (given(command, option))
      fail_usage(
          "{}: has no meaning for suites; leave it out, or leave out --benchmark-type and "
          "the like for a sweep",
          option);
  o.suite.model = bench.model;
  o.suite.runs = bench.runs, o.suite.warmup = bench.no_warmup ? 0 : bench.warmup;
  if (!bench.threads.empty()) o.suite.model.threads = one_number(bench.threads, "-t", 1024);
  if (given(command, "--batch")) o.suite.batches = parse_axis(bench.batch, "-b", 1, 4096);
  if (given(command, "--new-tokens") && !o.suite.max_tokens)
    o.suite.max_tokens = one_number(bench.decode, "-n", int64_t(1) << 20);
  if (!bench.samples.empty())
    fail_usage("--samples: suites keep theirs in the folder of --output; leave it out");
  o.plan = bench.plan, o.resume = bench.resume;
  o.output = bench.output, o.json = bench.json, o.csv = bench.csv;
}

std::vector<const Suite*> select_suites(const SuitesOptions& o) {
  const std::vector<std::string>& types = benchmark_types();
  const int asked = int(!o.type.empty() && o.type != "specific") + int(!o.specific.empty()) +
                    int(!o.metric.empty());
  if (!o.type.empty() && std::find(types.begin(), types.end(), o.type) == types.end())
    fail_usage("--benchmark-type: expected {}, got {}{}", fmt::join(types, ", "), in_quotes(o.type),
               suggestion(o.type, types));
  if (asked > 1)
    fail_usage("--benchmark-type, --specific-tests, --metric: expected one of them, got {}", asked);
  if (!o.specific.empty()) return find_all(o.specific);
  if (o.type == "specific")
    fail_usage("--benchmark-type specific: expected --specific-tests with names of {}",
               fmt::join(suite_names(), ", "));
  const bool only_prompts = o.type.empty() && o.metric.empty() && !o.suite.prompts_file.empty();
  const std::string metric = only_prompts ? "quality" : o.metric;
  for (const MetricSuites& m : metric_suites())
    if (metric == m.metric) return find_all(m.suites);
  std::vector<const Suite*> chosen;
  for (const Suite& suite : suites())
    if (suite.has_type(o.type.empty() ? "all" : o.type)) chosen.push_back(&suite);
  return chosen;
}

}  // namespace qwench::bench
