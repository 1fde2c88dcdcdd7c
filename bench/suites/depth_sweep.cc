// Speed against the length of the context: what attention over keys and values costs.
#include <algorithm>

#include "bench/suites/criteria.h"
#include "bench/suites/registry.h"
#include "bench/suites/result.h"
#include "bench/support/interrupt.h"
#include "bench/sweep/case.h"

namespace qwench::bench {

namespace {

constexpr int64_t kDeepest = 8192;  // without --ctx: beyond it a CPU takes minutes to get there

struct Axis {
  std::vector<int64_t> depths;
  int64_t n_prefill = 0, n_decode = 0, capacity = 0;
};

/// 0, 512, 2048, ... and the last that fits.
Axis axis_of(const SuiteOptions& o, const ModelConfig& config) {
  Axis axis;
  axis.n_prefill = o.size(64, 16), axis.n_decode = o.generated(16, 8);
  const int64_t tokens = std::max(axis.n_prefill, axis.n_decode);
  int64_t limit = o.model.capacity ? o.model.capacity : o.size(kDeepest, 1024);
  if (!o.model.capacity && config.max_positions > 0) limit = std::min(limit, config.max_positions);
  const int64_t deepest = std::max<int64_t>(0, limit - tokens);
  axis.depths = {0};
  for (int64_t depth = 512; depth < deepest; depth *= 4) axis.depths.push_back(depth);
  if (deepest > axis.depths.back()) axis.depths.push_back(deepest);
  axis.capacity = axis.depths.back() + tokens;
  return axis;
}

struct Point {
  CaseResult prefill, decode;
};

std::optional<Point> measure(SuiteContext& context, const LoadedModel& loaded, Session& session,
                             const Axis& axis, int64_t depth) {
  const SuiteOptions& o = context.options();
  for (int64_t seq = 0; seq < session.n_seq(); ++seq) session.truncate(seq, 0);
  fill_context(session, loaded.model, depth, o.model.seed);
  CaseSettings settings;
  settings.depth = depth, settings.seed = o.model.seed;
  settings.runs = o.quick ? 2 : o.runs, settings.warmup = o.warmup;
  settings.progress = [&](int64_t run) {
    context.progress().show(
        fmt::format("depth_sweep: depth {}, run {}/{}", depth, run + 1, settings.runs));
  };
  settings.phase = Phase::kPrefill, settings.n_tokens = axis.n_prefill;
  const std::optional<CaseResult> prefill = measure_case(session, loaded.model, settings);
  settings.phase = Phase::kDecode, settings.n_tokens = axis.n_decode;
  const std::optional<CaseResult> decode = measure_case(session, loaded.model, settings);
  if (!prefill || !decode) return std::nullopt;
  return Point{*prefill, *decode};
}

SuiteResult run(SuiteContext& context) {
  const Axis axis = axis_of(context.options(), context.checkpoint().config());
  LoadedModel& loaded = context.model(1, axis.capacity);
  Session session(loaded.model, session_options(context.options().model, 1, axis.capacity));
  std::vector<DepthSpeed> points;
  SuiteResult result;
  OrderedJson curve = OrderedJson::array();
  for (const int64_t depth : axis.depths) {
    if (interrupted()) break;
    const std::optional<Point> point = measure(context, loaded, session, axis, depth);
    if (!point) break;
    result.figures.push_back(measured(fmt::format("prefill_depth_{}_tokens_per_second", depth),
                                      "tokens/s", point->prefill.tokens_per_second.values));
    result.figures.push_back(measured(fmt::format("decode_depth_{}_tokens_per_second", depth),
                                      "tokens/s", point->decode.tokens_per_second.values));
    curve.push_back(
        {{"depth", depth},
         {"prefill_tokens_per_second", point->prefill.tokens_per_second.median},
         {"decode_tokens_per_second", point->decode.tokens_per_second.median},
         {"decode_bytes_per_token", double(point->decode.cost().bytes) / double(axis.n_decode)}});
    points.push_back(
        {depth, point->decode.tokens_per_second.median, double(point->decode.cost().bytes)});
  }
  result.interrupted = interrupted();
  result.criteria.push_back(judge_slowdown(points));
  result.details = {{"prefill_tokens", axis.n_prefill},
                    {"decode_tokens", axis.n_decode},
                    {"capacity", axis.capacity},
                    {"tokens", "random ids of a fixed seed"},
                    {"curve", curve}};
  return result;
}

SuiteCost cost(const SuiteOptions& o, const ModelConfig& config) {
  const Axis axis = axis_of(o, config);
  const int64_t runs = (o.quick ? 2 : o.runs) + 3;  // with the usual warm-up
  SuiteCost cost;
  cost.capacity = axis.capacity;
  for (const int64_t depth : axis.depths) {
    cost.prefill_tokens += depth + runs * axis.n_prefill;
    cost.decode_steps += runs * axis.n_decode;
  }
  return cost;
}

}  // namespace

Criterion judge_slowdown(const std::vector<DepthSpeed>& points) {
  CriterionArgs args{"decode_slowdown", Bound::kAtMost, 2,
                     "2 x the growth of the bytes that a token reads", std::nullopt};
  if (points.size() < 2) {
    args.note = "fewer than two depths were measured";
    return judge(std::move(args));
  }
  const DepthSpeed &first = points.front(), &last = points.back();
  const double slower = first.tokens_per_second / last.tokens_per_second;
  const double more = last.bytes / first.bytes;
  args.value = slower / more;
  args.note =
      fmt::format("{:.2f} x slower at {} positions, {:.2f} x the bytes", slower, last.depth, more);
  return judge(std::move(args));
}

Suite depth_sweep_suite() {
  return {
      "depth_sweep",
      "hardware,scalability",
      "prefill and decode speed at growing depths of context",
      "A context of random tokens is filled to 0, 512, 2048, ... positions, up to what the model "
      "was "
      "made for (at most 8192 without --ctx). At each depth a short prefill and a few decode steps "
      "are timed --runs times, after warm-up runs until three agree; filling is not timed. Passes "
      "when decode slows down at most twice as much as the bytes it reads grow.",
      run,
      cost};
}

}  // namespace qwench::bench
