// The same work for a given time: does it slow down, grow, or change its answer?
#include <algorithm>

#include "bench/suites/criteria.h"
#include "bench/suites/generation.h"
#include "bench/suites/prompts.h"
#include "bench/suites/registry.h"
#include "bench/suites/result.h"
#include "bench/support/interrupt.h"
#include "engine/base/host_memory.h"

namespace qwench::bench {

namespace {

double seconds_of(const SuiteOptions& o) {
  if (o.seconds > 0) return o.seconds;
  return o.quick ? 1 : 10;
}

struct Endurance {
  EnduranceMeasured judged;
  double seconds = 0;

  int64_t runs() const { return int64_t(judged.hashes.size()); }
};

/// At least four runs, so that first and last quarter are something.
Endurance endure(SuiteContext& context) {
  const SuiteOptions& o = context.options();
  const int64_t n_new = o.generated(32, 8);
  const std::vector<int32_t> prompt = prompt_ids(context, throughput_prompts().back().text);
  GenerationSession session(context, 1, int64_t(prompt.size()) + n_new);
  for (int64_t i = 0; i < o.warmup; ++i) session.generate(prompt, n_new);
  Endurance e;
  const int64_t start = now_ns();
  const double limit = seconds_of(o);
  while (!interrupted() && (e.seconds < limit || e.runs() < 4)) {
    const Generation g = session.generate(prompt, n_new);
    if (g.interrupted) break;
    e.judged.hashes.push_back(output_hash(g.ids));
    e.judged.tokens_per_second.push_back(g.tokens_per_second());
    if (const int64_t rss = rss_bytes()) e.judged.rss.push_back(double(rss));
    e.seconds = double(now_ns() - start) * 1e-9;
    context.progress().show(fmt::format("stability: {:.0f} of {:.0f} s", e.seconds, limit));
  }
  e.judged.interrupted = interrupted();
  return e;
}

/// Median of the last quarter over the median of the first, minus 1.
std::optional<double> drift(const std::vector<double>& values) {
  const size_t quarter = values.size() / 4;
  if (quarter == 0) return std::nullopt;
  const auto count = std::vector<double>::difference_type(quarter);
  const double first = median({values.begin(), values.begin() + count});
  const double last = median({values.end() - count, values.end()});
  return last / first - 1;
}

/// Bytes from the first run to the last; nothing where they cannot be read.
std::optional<double> growth(const std::vector<double>& rss) {
  if (rss.size() < 2) return std::nullopt;
  return rss.back() - rss.front();
}

SuiteResult run(SuiteContext& context) {
  const Endurance e = endure(context);
  const EnduranceMeasured& m = e.judged;
  SuiteResult result;
  result.interrupted = m.interrupted;
  const std::optional<double> grown = growth(m.rss), moved = drift(m.tokens_per_second);
  result.figures = {
      measured("tokens_per_second", "tokens/s", m.tokens_per_second),
      grown ? measured("rss_growth", "bytes", {*grown})
            : not_measured("rss_growth", "bytes", "the resident set cannot be read here")};
  result.criteria = judge_endurance(m);
  OrderedJson hash = nullptr;
  if (!m.hashes.empty()) hash = m.hashes.front();
  result.details = {{"prompts", prompt_source(context)},
                    {"runs", e.runs()},
                    {"seconds", e.seconds},
                    {"speed_drift", moved ? OrderedJson(*moved) : OrderedJson(nullptr)},
                    {"output_hash", hash}};
  return result;
}

SuiteCost cost(const SuiteOptions& o, const ModelConfig&) {
  SuiteCost cost;
  cost.capacity = 32 + o.generated(32, 8);
  cost.seconds = seconds_of(o);
  return cost;
}

}  // namespace

std::vector<Criterion> judge_endurance(const EnduranceMeasured& m) {
  CriterionArgs drifted{"speed_drift", Bound::kAtLeast, -0.1,
                        "-10 % from the first to the last quarter", std::nullopt};
  if (m.interrupted)
    drifted.note = "interrupted: a part of the time has no last quarter";
  else
    drifted.value = drift(m.tokens_per_second);
  return {judge(std::move(drifted)),
          judge({"rss_growth", Bound::kAtMost, 4e6, "4 MB", growth(m.rss), "", "bytes"}),
          judge_same_output(m.hashes)};
}

Suite stability_suite() {
  return {
      "stability",
      "system,automated",
      "the same answer again and again for a given time: speed, memory and text over time",
      "One prompt is answered over and over for 10 s (--duration; 1 s with --quick), at least four "
      "times. Drift is the median speed of the last quarter against the first. Passes when speed "
      "does not fall by more than 10 %, the process grows by at most 4 MB, and every run "
      "generates the same ids.",
      run,
      cost};
}

}  // namespace qwench::bench
