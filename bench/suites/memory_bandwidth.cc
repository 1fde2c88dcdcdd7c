// Bandwidth by level of the memory, operation and thread count, and the part of it that decode uses.
#include "bench/machine/memory_levels.h"
#include "bench/suites/criteria.h"
#include "bench/suites/machine_suites.h"
#include "bench/suites/result.h"
#include "bench/support/interrupt.h"
#include "bench/sweep/case.h"
#include "bench/sweep/report.h"
#include "engine/backend/probes.h"

namespace qwench::bench {

namespace {

std::string figure_name(const std::string& level, StreamOp op, int threads, int all) {
  return fmt::format("{}_{}_{}", level, kStreamOpNames[size_t(op)],
                     threads == all && all > 1 ? "all_threads" : "one_thread");
}

/// All levels and operations on so many threads.
void measure_threads(SuiteContext& context, SuiteFindings& found, int threads, int all) {
  const SuiteOptions& o = context.options();
  const int runs = o.quick ? 3 : int(std::max<int64_t>(o.runs, 5));
  int64_t largest = 0;
  for (const MemoryLevel& level : memory_levels())
    largest = std::max(largest, working_set(level, threads));
  const std::unique_ptr<Backend> backend = make_backend(o.model, threads);
  const std::unique_ptr<Probes> probes = backend->probes();
  const std::unique_ptr<StreamProbe> probe = probes->streams(largest);
  for (const MemoryLevel& level : memory_levels())
    for (StreamOp op : {StreamOp::kRead, StreamOp::kWrite, StreamOp::kCopy, StreamOp::kTriad}) {
      if (interrupted()) return;
      const std::string name = figure_name(level.name, op, threads, all);
      context.progress().show(name);
      const int64_t bytes = working_set(level, threads);
      const StreamRate rate = probe->measure(op, bytes, runs, o.quick ? 0 : 0.03);
      found.measured(name, "B/s", rate.bytes_per_second);
      found.result.details["points"].push_back({{"name", name},
                                                {"threads", threads},
                                                {"working_set_bytes", bytes * threads},
                                                {"kernel", rate.kernel}});
    }
}

void measure_decode(SuiteContext& context, SuiteFindings& found) {
  const SuiteOptions& o = context.options();
  const int64_t n_tokens = o.quick ? 8 : 32, capacity = n_tokens + 1;
  LoadedModel& loaded = context.model(1, capacity);
  Session session(loaded.model, session_options(o.model, 1, capacity));
  CaseSettings settings;
  settings.phase = Phase::kDecode, settings.n_tokens = n_tokens, settings.seed = o.model.seed;
  settings.runs = o.quick ? 2 : o.runs, settings.warmup = o.quick ? 0 : o.warmup;
  const std::optional<CaseResult> result = measure_case(session, loaded.model, settings);
  if (!result) return found.missing("decode_of_dram_read", "percent", "interrupted");
  std::vector<double> rates, percents;
  const double bytes = double(result->cost().bytes) / double(n_tokens);  // of one token
  for (double speed : result->tokens_per_second.values) {
    rates.push_back(speed * bytes);
    percents.push_back(100 * speed * bytes / context.roofline().dram_read.per_second);
  }
  found.measured("decode_bandwidth", "B/s", rates);
  if (context.roofline().dram_read.per_second > 0)
    found.measured("decode_of_dram_read", "percent", percents);
  else
    found.missing("decode_of_dram_read", "percent", "too little memory to measure reads");
  const std::string level =
      level_of(planned_weight_bytes(o.model, context.checkpoint()), threads_of(context));
  found.result.details["decode_reads_from"] = level;
}

/// Figures of other figures.
void compare(SuiteContext& context, SuiteFindings& found, int all) {
  const std::string threads = all > 1 ? "all_threads" : "one_thread";
  const std::optional<double> dram = found.value("dram_read_" + threads),
                              one = found.value("dram_read_one_thread"),
                              l1 = found.value("l1_read_one_thread");
  const double roofline = context.roofline().dram_read.per_second;
  if (dram && roofline > 0)
    found.measured("dram_read_of_roofline", "percent", {100 * *dram / roofline});
  else
    found.missing("dram_read_of_roofline", "percent", "one of the two was not measured");
  if (l1 && one)
    found.measured("l1_over_dram", "ratio", {*l1 / *one});
  else
    found.missing("l1_over_dram", "ratio", "the size of the caches is not known");
}

}  // namespace

void judge_memory_bandwidth(SuiteFindings& found, const std::string& reads_from) {
  found.at_least("dram_read_of_roofline", ">= 80 % of the roofline's reading", 80);
  found.at_least("l1_over_dram", "> 1: the cache is faster than the memory", 1);
  found.at_least("decode_of_dram_read", ">= 50 % of the measured bandwidth", 50);
  if (reads_from == "dram") return;
  Criterion& c = found.result.criteria.back();
  c = not_applicable(std::move(c), "the weights stay in a cache: decode does not read from memory");
}

SuiteResult memory_bandwidth(SuiteContext& context) {
  SuiteFindings found;
  const int all = threads_of(context);
  found.result.details["points"] = OrderedJson::array();
  found.result.details["model"] =
      model_in_levels(context.checkpoint(), context.options().model, all, 1024);
  try {
    measure_threads(context, found, 1, all);
    if (all > 1) measure_threads(context, found, all, all);
  } catch (const UsageError&) {
    throw;
  } catch (const Error& error) {  // too little memory: what was measured before it stands
    found.missing("dram_read_all_threads", "B/s", error.what());
  }
  if (!interrupted()) measure_decode(context, found);
  if (!interrupted()) {
    compare(context, found, all);
    judge_memory_bandwidth(found, found.result.details.value("decode_reads_from", "dram"));
  }
  found.result.interrupted = interrupted();
  return std::move(found.result);
}

}  // namespace qwench::bench
