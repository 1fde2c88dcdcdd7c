// Times from the measured ceilings and the share of them that the kernels are known to reach.
#include "bench/sweep/plan.h"

#include <algorithm>
#include <map>

#include "bench/machine/ceilings.h"
#include "bench/model/identity.h"
#include "bench/support/output.h"
#include "bench/support/table.h"
#include "engine/base/host_memory.h"

namespace qwench::bench {

namespace {

// Shares of the ceilings, from README's table of speeds: low ones, so that a plan is seldom too short.
constexpr double kOfBandwidth = 0.75, kOfPeak = 0.5;
constexpr double kLoadBytesPerSecond = 2e9;
constexpr double kReading = 0.1,
                 kCeilings = 2;  // seconds: a reading of the bandwidth, both measurements
constexpr int64_t kWarmUps = 3;

struct Sizes {
  int64_t weights = 0;       // bytes
  double flops_a_token = 0;  // without attention over the context
  InputPrecision inputs = InputPrecision::kF32;
};

Sizes sizes_of_model(const BenchOptions& o, const Checkpoint& checkpoint) {
  const DType type = weight_dtype(o.model, checkpoint.config());
  Sizes sizes;
  sizes.weights = planned_weight_bytes(o.model, checkpoint);
  sizes.flops_a_token = 2 * double(checkpoint.config().parameters());
  if (is_quantized(type)) sizes.inputs = InputPrecision::kInt8;
  return sizes;
}

double seconds_of(const BenchOptions& o, const CaseKey& key, const Sizes& sizes,
                  const Ceilings& roofline) {
  const int64_t warm_ups = o.no_warmup || o.warmup == 0 ? 0 : std::max(o.warmup, kWarmUps);
  const double runs = double(o.runs);
  const double by_flops = double(key.batch * key.n_tokens) * sizes.flops_a_token /
                          (kOfPeak * roofline.peak(sizes.inputs).per_second);
  if (key.phase == Phase::kPrefill) return by_flops * (runs + double(warm_ups) / double(key.batch));
  const double by_bytes =
      double(key.n_tokens) * double(sizes.weights) / (kOfBandwidth * roofline.dram_read.per_second);
  return std::max(by_bytes, by_flops) * runs + (runs + 1) * kReading;
}

}  // namespace

double BenchPlan::seconds() const {
  std::map<int, bool> loaded;
  double sum = 0;
  for (const PlannedCase& c : cases)
    if (!c.known) sum += c.seconds, loaded[c.key.threads] = true;
  return sum + double(loaded.size()) * (load_seconds + kCeilings);
}

bool BenchPlan::fits() const {
  return std::all_of(cases.begin(), cases.end(), [&](const PlannedCase& c) {
    return c.known || c.memory_bytes <= available_bytes;
  });
}

BenchPlan plan_bench(const BenchOptions& o) {
  const Axes axes = read_axes(o);
  const std::unique_ptr<Checkpoint> checkpoint = open_model(o.model);
  const Sizes sizes = sizes_of_model(o, *checkpoint);
  std::optional<BenchSamples> samples;
  if (o.resume)
    samples.emplace(o.samples, sample_conditions(o, axes, identity_json(o.model, *checkpoint)),
                    true);
  BenchPlan plan;
  plan.available_bytes = available_memory_bytes();
  plan.load_seconds = double(sizes.weights) / kLoadBytesPerSecond;
  std::map<int, Ceilings> ceilings;
  for (const CaseKey& key : cases_of(axes)) {
    if (!ceilings.count(key.threads))
      ceilings[key.threads] = measure_ceilings(o.model, key.threads, 0.5);
    SessionOptions session = session_options(o.model, key.batch, capacity_of(o, axes, key.depth));
    share_context(session, key.depth);
    plan.cases.push_back({key, plan_memory(checkpoint->config(), sizes.weights, session).total(),
                          seconds_of(o, key, sizes, ceilings.at(key.threads)),
                          samples && samples->find(key)});
  }
  return plan;
}

OrderedJson plan_json(const BenchPlan& plan) {
  OrderedJson cases = OrderedJson::array();
  for (const PlannedCase& c : plan.cases)
    cases.push_back({{"phase", name_of(c.key.phase)},
                     {"threads", c.key.threads},
                     {"batch", c.key.batch},
                     {"depth", c.key.depth},
                     {"n_tokens", c.key.n_tokens},
                     {"memory_bytes", c.memory_bytes},
                     {"fits", c.memory_bytes <= plan.available_bytes},
                     {"seconds", c.seconds},
                     {"known", c.known}});
  return {{"cases", cases},
          {"available_bytes", plan.available_bytes},
          {"fits", plan.fits()},
          {"seconds", plan.seconds()}};
}

std::string plan_text(const BenchPlan& plan) {
  Table table({"<phase", "threads", "batch", "depth", "tokens", "memory", "<fits", "about"});
  for (const PlannedCase& c : plan.cases)
    table.add({std::string(name_of(c.key.phase)), std::to_string(c.key.threads),
               std::to_string(c.key.batch), std::to_string(c.key.depth),
               std::to_string(c.key.n_tokens), format_bytes(c.memory_bytes),
               c.memory_bytes <= plan.available_bytes ? "yes" : "no",
               c.known ? "measured before" : format_ns(1e9 * c.seconds)});
  return table.to_string() +
         fmt::format("\n{} cases, about {:.0f} s with loading; {} of memory available\n",
                     plan.cases.size(), plan.seconds(), format_bytes(plan.available_bytes));
}

}  // namespace qwench::bench
