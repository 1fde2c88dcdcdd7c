// `qwench tune`: which released model, and which weight type, meets a person's limits on this machine.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>

#include "bench/commands.h"
#include "bench/machine/ceilings.h"
#include "bench/machine/environment.h"
#include "bench/machine/host.h"
#include "bench/machine/prediction.h"
#include "bench/model/kv_choice.h"
#include "bench/support/exit_code.h"
#include "bench/support/number_option.h"
#include "bench/support/output.h"
#include "bench/support/table.h"

namespace qwench::bench {

namespace {

struct TuneOptions {
  ModelOptions model;  // -t, --isa and --kv-dtype only
  ConversationSizes conversation;
  std::optional<double> ttft_ns, speed;
  std::optional<uint64_t> memory;
  bool quick = false, json = false;
};

struct Candidate {
  Prediction prediction;
  std::vector<std::string> misses;  // the limits that it does not meet, for people
};

/// Preferred first: larger models, of one model wider weights. Nobody measured their answers here.
bool preferred(const Candidate& a, const Candidate& b) {
  const Prediction &p = a.prediction, &q = b.prediction;
  if (p.parameters != q.parameters) return p.parameters > q.parameters;
  if (p.memory_bytes != q.memory_bytes) return p.memory_bytes > q.memory_bytes;
  return p.tokens_per_second > q.tokens_per_second;
}

/// How far the worst miss is off: 1 for all met, 2 for half as good as asked for.
double distance(const TuneOptions& o, int64_t memory, const Prediction& p) {
  double worst = std::max(1.0, double(p.memory_bytes) / double(memory));
  if (o.ttft_ns) worst = std::max(worst, p.ttft_ns / *o.ttft_ns);
  if (o.speed) worst = std::max(worst, *o.speed / p.tokens_per_second);
  return worst;
}

std::vector<std::string> misses(const TuneOptions& o, int64_t memory, const Prediction& p) {
  std::vector<std::string> list;
  if (p.memory_bytes > memory)
    list.push_back(
        fmt::format("memory {} > {}", format_bytes(p.memory_bytes), format_bytes(memory)));
  if (o.ttft_ns && p.ttft_ns > *o.ttft_ns)
    list.push_back(fmt::format("first token {} > {}", format_ns(p.ttft_ns), format_ns(*o.ttft_ns)));
  if (o.speed && p.tokens_per_second < *o.speed)
    list.push_back(fmt::format("{} < {} tokens/s", format_number(p.tokens_per_second),
                               format_number(*o.speed)));
  return list;
}

void check_limits(const TuneOptions& o) {
  const auto check = [](const char* option, const std::optional<double>& value, const char* like) {
    if (value && !(std::isfinite(*value) && *value > 0))
      fail_usage("{}: expected a number above 0 such as {}, got {}", option, like, *value);
  };
  check("--ttft", o.ttft_ns, "500ms"), check("--speed", o.speed, "20");
  if (o.memory && (*o.memory < 1'000'000 || *o.memory > uint64_t(1) << 60))
    fail_usage("--mem: expected a size such as 16GB, got {} bytes", *o.memory);
  if (o.conversation.prompt > o.conversation.context)
    fail_usage("--prompt: expected at most the --context of {}, got {}", o.conversation.context,
               o.conversation.prompt);
  read_kv_dtype(o.conversation.kv_dtype);
}

/// The bandwidth once more where a kernel read faster than the probe: a neighbour may have had the machine.
MachineSpeed measure(const TuneOptions& o, int threads) {
  constexpr int kAgain = 2;
  Progress progress;
  progress.show("measuring bandwidth and kernels");
  const auto read_bandwidth = [&] {
    return measure_ceilings(o.model, threads, o.quick ? 0.3 : 1.0).dram_read.per_second;
  };
  MachineSpeed machine = measure_kernels(o.model, threads, read_bandwidth(), o.quick);
  for (int i = 0; i < kAgain && machine.probe_was_slow(); ++i)
    machine.read_bandwidth = std::max(machine.read_bandwidth, read_bandwidth());
  return machine;
}

OrderedJson limits_json(const TuneOptions& o, int64_t memory) {
  OrderedJson json = {{"ttft_ns", nullptr}, {"tokens_per_second", nullptr}};
  if (o.ttft_ns) json["ttft_ns"] = *o.ttft_ns;
  if (o.speed) json["tokens_per_second"] = *o.speed;
  json["memory_bytes"] = memory;
  json["prompt_tokens"] = o.conversation.prompt;
  json["context"] = o.conversation.context;
  json["kv_dtype"] = name_of(read_kv_dtype(o.conversation.kv_dtype).dtype);
  return json;
}

OrderedJson document(const TuneOptions& o, int64_t memory, const MachineSpeed& machine,
                     const std::vector<Candidate>& candidates) {
  OrderedJson list = OrderedJson::array(), recommended = nullptr;
  for (const Candidate& c : candidates) {
    OrderedJson json = to_json(c.prediction);
    json["fits"] = c.misses.empty();
    json["misses"] = c.misses;
    if (c.misses.empty() && recommended.is_null()) recommended = json;
    list.push_back(std::move(json));
  }
  return {{"schema_version", 1},
          {"environment", environment_block()},
          {"limits", limits_json(o, memory)},
          {"machine", to_json(machine)},
          {"recommended", recommended},
          {"candidates", list}};
}

std::string text(const TuneOptions& o, const MachineSpeed& machine,
                 const std::vector<Candidate>& candidates) {
  constexpr size_t kMost = 12;
  const bool some = candidates.front().misses.empty();
  std::vector<std::string> headings = {"<model",   "<weights", "memory",
                                       "tokens/s", "at most",  "first token"};
  if (!some) headings.emplace_back("<misses");
  Table table(headings);
  size_t shown = 0;
  for (const Candidate& c : candidates) {
    if (c.misses.empty() != some || shown == kMost) break;
    const Prediction& p = c.prediction;
    std::vector<std::string> row = {p.model,
                                    std::string(name_of(p.dtype)),
                                    format_bytes(p.memory_bytes),
                                    format_number(p.tokens_per_second),
                                    format_number(p.ceiling),
                                    format_ns(p.ttft_ns)};
    if (!some) row.push_back(fmt::format("{}", fmt::join(c.misses, ", ")));
    table.add(row);
    ++shown;
  }
  const Prediction& best = candidates.front().prediction;
  const std::string advice =
      some ? fmt::format("recommended: {} as {}; check it with `qwench bench -m {} --dtype {}`\n",
                         best.model, name_of(best.dtype), best.model, name_of(best.dtype))
           : std::string("no released model meets every limit; these come nearest\n");
  const std::string doubt =
      machine.probe_was_slow()
          ? "a kernel read faster than the probe of the bandwidth, also when that was measured "
            "again: another program has the machine\n"
          : "";
  return fmt::format(
      "{}\n{}{}predicted for {} threads from kernels timed here ({:.1f} GB/s read): prompts of {} "
      "tokens, speed with half of {} positions filled; larger models are preferred, their answers "
      "are not judged\n",
      table.to_string(), advice, doubt, machine.threads, machine.bandwidth() / 1e9,
      o.conversation.prompt, o.conversation.context);
}

int run_tune(const TuneOptions& o) {
  check_limits(o);
  const int threads = threads_or_default(o.model.threads);
  const MachineSpeed machine = measure(o, threads);
  int64_t memory = machine.available_bytes;
  if (o.memory && int64_t(*o.memory) > memory)
    note(fmt::format("--mem: {} is more than the {} available; the latter counts",
                     format_bytes(int64_t(*o.memory)), format_bytes(memory)));
  if (o.memory) memory = std::min(memory, int64_t(*o.memory));
  std::vector<Candidate> candidates;
  for (Prediction& p : predict_all(machine, o.conversation)) {
    std::vector<std::string> missed = misses(o, memory, p);
    candidates.push_back({std::move(p), std::move(missed)});
  }
  std::stable_sort(candidates.begin(), candidates.end(),
                   [&](const Candidate& a, const Candidate& b) {
                     if (a.misses.empty() != b.misses.empty()) return a.misses.empty();
                     if (a.misses.empty()) return preferred(a, b);
                     return distance(o, memory, a.prediction) < distance(o, memory, b.prediction);
                   });
  print(o.json ? to_text(document(o, memory, machine, candidates)) : text(o, machine, candidates));
  return kExitOk;
}

}  // namespace

void add_tune_command(CLI::App& program, Action& chosen) {
  auto o = std::make_shared<TuneOptions>();
  CLI::App* command = program.add_subcommand(
      "tune", "Predict which model and weight type meet your limits on this machine");
  using Unit = CLI::AsNumberWithUnit;
  const std::map<std::string, double> times = {{"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
  command->add_option("--ttft", o->ttft_ns, "Time to the first token at most, e.g. 500ms")
      ->transform(Unit(times, Unit::Options(Unit::CASE_INSENSITIVE | Unit::UNIT_REQUIRED), "TIME"));
  command->add_option("--speed", o->speed, "Tokens a second at least, e.g. 20");
  command->add_option("--mem", o->memory, "Memory at most, e.g. 16GB (default: what is available)")
      ->transform(CLI::AsSizeValue(true));
  command->add_option("--context", o->conversation.context, "Positions of a full conversation")
      ->transform(number_within(int64_t(1), int64_t(1) << 24))
      ->capture_default_str();
  command->add_option("--prompt", o->conversation.prompt, "Tokens of the prompt that --ttft is of")
      ->transform(number_within(int64_t(1), int64_t(1) << 24))
      ->capture_default_str();
  command
      ->add_option("--kv-dtype", o->conversation.kv_dtype,
                   std::string("Keys and values as ") + kKvDTypes)
      ->capture_default_str();
  add_threads_option(*command, o->model);
  command->add_flag("--quick", o->quick, "Measure for a second less, and less exactly");
  command->add_flag("--json", o->json, "One JSON document on stdout");
  command->callback([o, &chosen] { chosen = [o] { return run_tune(*o); }; });
}

}  // namespace qwench::bench
