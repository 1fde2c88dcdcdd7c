// What more sequences at once and more threads bring.
#include <algorithm>

#include "bench/machine/host.h"
#include "bench/suites/criteria.h"
#include "bench/suites/registry.h"
#include "bench/suites/result.h"
#include "bench/support/interrupt.h"
#include "bench/sweep/case.h"

namespace qwench::bench {

namespace {

struct Sizes {
  int64_t n_prefill = 0, n_decode = 0, runs = 0;
  int64_t capacity() const { return std::max(n_prefill, n_decode); }
};

Sizes sizes_of(const SuiteOptions& o) {
  return {o.size(128, 32), o.generated(16, 8), o.size(std::min<int64_t>(o.runs, 5), 2)};
}

/// Powers of two up to the threads of the run, and that number.
std::vector<int64_t> thread_counts(const SuiteOptions& o, int64_t most) {
  std::vector<int64_t> counts;
  for (int64_t n = 1; n < most && !(o.quick && n > 1); n *= 2) counts.push_back(n);
  counts.push_back(most);
  return counts;
}

int64_t most_threads(const SuiteOptions& o) { return threads_or_default(o.model.threads); }

struct CaseArgs {
  const LoadedModel& loaded;
  Phase phase;
  int64_t batch = 1;
  std::string label;
};

std::optional<CaseResult> measure(SuiteContext& context, const CaseArgs& args) {
  const SuiteOptions& o = context.options();
  const Sizes sizes = sizes_of(o);
  Session session(args.loaded.model, session_options(o.model, args.batch, sizes.capacity()));
  CaseSettings settings;
  settings.phase = args.phase, settings.seed = o.model.seed;
  settings.n_tokens = args.phase == Phase::kPrefill ? sizes.n_prefill : sizes.n_decode;
  settings.runs = sizes.runs, settings.warmup = o.warmup;
  context.progress().show("scalability: " + args.label);
  return measure_case(session, args.loaded.model, settings);
}

struct Scaling {
  SuiteResult result;
  OrderedJson batches = OrderedJson::array(), threads = OrderedJson::array();
};

void scale_batches(SuiteContext& context, Scaling& to) {
  const SuiteOptions& o = context.options();
  double single = 0;
  std::vector<BatchSpeed> speeds;
  std::vector<int64_t> sizes = o.batches;
  if (sizes.front() != 1) sizes.insert(sizes.begin(), 1);
  for (const int64_t batch : sizes) {
    if (interrupted()) return;
    LoadedModel& loaded = context.model(batch, sizes_of(o).capacity());
    const auto r =
        measure(context, {loaded, Phase::kDecode, batch, fmt::format("batch {}", batch)});
    if (!r) return;
    const double speed = r->tokens_per_second.median;
    if (batch == 1) single = speed;
    speeds.push_back({batch, speed});
    to.result.figures.push_back(measured(fmt::format("decode_batch_{}_tokens_per_second", batch),
                                         "tokens/s", r->tokens_per_second.values));
    to.batches.push_back({{"batch", batch},
                          {"tokens_per_second", speed},
                          {"token_latency_ns", double(batch) * 1e9 / speed},
                          {"efficiency", speed / (single * double(batch))}});
  }
  to.result.criteria.push_back(judge_batch_gain("batch_gain", Bound::kAbove, speeds));
}

void scale_threads(SuiteContext& context, Scaling& to) {
  const SuiteOptions& o = context.options();
  const int64_t most = most_threads(o);
  double single[kPhases] = {}, last[kPhases] = {};
  context.unload();  // each count of threads has a backend of its own
  for (const int64_t n : thread_counts(o, most)) {
    if (interrupted()) return;
    const LoadedModel loaded = load_model(o.model, context.checkpoint(), make_backend(o.model, n),
                                          session_options(o.model, 1, sizes_of(o).capacity()));
    OrderedJson row = {{"threads", n}};
    for (const Phase phase : {Phase::kPrefill, Phase::kDecode}) {
      const auto r = measure(context, {loaded, phase, 1, fmt::format("{} threads", n)});
      if (!r) return;
      const double speed = r->tokens_per_second.median;
      double& one = single[size_t(phase)];
      if (n == 1) one = speed;
      last[size_t(phase)] = speed;
      const std::string name(name_of(phase));
      to.result.figures.push_back(measured(fmt::format("{}_threads_{}_tokens_per_second", name, n),
                                           "tokens/s", r->tokens_per_second.values));
      row[name + "_tokens_per_second"] = speed;
      row[name + "_efficiency"] = speed / (one * double(n));
    }
    to.threads.push_back(std::move(row));
  }
  to.result.criteria.push_back(judge_thread_efficiency(single[0], last[0], most));
}

SuiteResult run(SuiteContext& context) {
  Scaling scaling;
  scale_batches(context, scaling);
  scale_threads(context, scaling);
  const Sizes sizes = sizes_of(context.options());
  scaling.result.interrupted = interrupted();
  scaling.result.details = {{"prefill_tokens", sizes.n_prefill},
                            {"decode_tokens", sizes.n_decode},
                            {"tokens", "random ids of a fixed seed"},
                            {"batches", scaling.batches},
                            {"threads", scaling.threads}};
  return std::move(scaling.result);
}

SuiteCost cost(const SuiteOptions& o, const ModelConfig&) {
  const Sizes sizes = sizes_of(o);
  const int64_t runs = sizes.runs + 3;  // with the usual warm-up
  const int64_t counts = int64_t(thread_counts(o, most_threads(o)).size());
  SuiteCost cost;
  cost.n_seq = o.batches.back(), cost.capacity = sizes.capacity();
  cost.prefill_tokens = counts * runs * sizes.n_prefill;
  cost.decode_steps = (counts + int64_t(o.batches.size())) * runs * sizes.n_decode;
  return cost;
}

}  // namespace

Criterion judge_thread_efficiency(double one, double all, int64_t threads) {
  CriterionArgs args{"thread_efficiency", Bound::kAtLeast, 0.5, "0.5 of perfect scaling (prefill)",
                     std::nullopt};
  if (threads > 1)
    args.value = all / (one * double(threads));
  else
    args.note = "one thread: nothing to scale";
  return judge(std::move(args));
}

Suite scalability_suite() {
  return {
      "scalability",
      "comprehensive,scalability",
      "decode speed by batch size, prefill and decode speed by number of threads",
      "Decode steps of 1, 4, 8 and 16 sequences (-b), then prefill and decode with 1, 2, 4, ... "
      "threads up to -t, each --runs times on random tokens after warm-up runs until three agree. "
      "Efficiency is the speed as a part of n times the speed of one; the time of a token stands "
      "beside the throughput. Passes when a batch is faster than one sequence and prefill keeps "
      "half of perfect scaling over threads.",
      run,
      cost};
}

}  // namespace qwench::bench
