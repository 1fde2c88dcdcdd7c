// What a timed run is: all tokens of the batch, each with the arg max that greedy generation makes.
#include "bench/sweep/case.h"

#include <algorithm>
#include <random>

#include "bench/accuracy/reference_file.h"
#include "bench/support/interrupt.h"
#include "bench/support/output.h"

namespace qwench::bench {

namespace {

CaseResult result_of(const std::vector<TimedRun>& runs, const CaseSettings& settings,
                     int64_t batch) {
  std::vector<double> speeds, ttfts, walls;
  for (const TimedRun& run : runs) {
    speeds.push_back(double(batch * settings.n_tokens) * 1e9 / double(run.wall_ns));
    ttfts.push_back(double(run.ttft_ns)), walls.push_back(double(run.wall_ns));
  }
  const TimedRun& typical = runs[median_index(speeds)];
  CaseResult result;
  for (const TimedRun& run : runs) result.telemetry.push_back(run.telemetry);
  result.phase = settings.phase, result.batch = batch;
  result.depth = settings.depth, result.n_tokens = settings.n_tokens;
  result.tokens_per_second = summarize(speeds);
  result.ttft_ns = summarize(ttfts);
  result.wall_ns = int64_t(median(std::move(walls)));
  result.ops = typical.ops, result.ops_wall_ns = typical.wall_ns;
  result.output_hash = typical.output_hash;
  return result;
}

}  // namespace

CaseRunner::CaseRunner(Session& session, const Model& model, const CaseSettings& settings)
    : session_(session),
      vocab_(model.config.vocab),
      phase_(settings.phase),
      depth_(settings.depth),
      n_tokens_(settings.n_tokens),
      tokens_(random_ids(settings.n_tokens * session.n_seq(), vocab_, settings.seed + 1)) {
  chosen_.reserve(tokens_.size());
}

bool CaseRunner::run(Profiler& profiler, int64_t n_seq, int64_t n_tokens, TimedRun& to) {
  profiler.reset();
  chosen_.clear();
  const int64_t start = now_ns();
  const bool complete =
      phase_ == Phase::kPrefill ? prefill(n_seq, n_tokens, start, to) : decode(n_tokens);
  to.wall_ns = now_ns() - start;
  to.output_hash = hash_tokens(chosen_);
  to.ops = profiler.records(Phase::kPrefill);
  const std::vector<OpRecord> decoded = profiler.records(Phase::kDecode);
  to.ops.insert(to.ops.end(), decoded.begin(), decoded.end());
  for (int64_t seq = 0; seq < session_.n_seq(); ++seq) session_.truncate(seq, depth_);
  return complete;
}

bool CaseRunner::prefill(int64_t n_seq, int64_t n_tokens, int64_t start, TimedRun& to) {
  for (int64_t seq = 0; seq < n_seq; ++seq) {
    const int32_t* tokens = tokens_.data() + seq * n_tokens_;
    if (!finished([&] { session_.prefill(seq, tokens, n_tokens); })) return false;
    if (on_logits) on_logits(1);
    chosen_.push_back(session_.argmax(0, vocab_));
    if (seq == 0) to.ttft_ns = now_ns() - start;
  }
  return true;
}

bool CaseRunner::decode(int64_t n_tokens) {
  for (int64_t step = 0; step < n_tokens; ++step) {
    const int32_t* tokens = tokens_.data() + step * session_.n_seq();
    if (!finished([&] { session_.decode(tokens); })) return false;
    if (on_logits) on_logits(session_.n_seq());
    for (int64_t seq = 0; seq < session_.n_seq(); ++seq)
      chosen_.push_back(session_.argmax(seq, vocab_));
  }
  return true;
}

OpCost CaseResult::cost() const {
  OpCost total;
  for (const OpRecord& r : ops) total.flops += r.cost.flops, total.bytes += r.cost.bytes;
  return total;
}

int64_t CaseResult::ops_ns() const {
  int64_t ns = 0;
  for (const OpRecord& r : ops) ns += r.ns;
  return ns;
}

std::vector<int32_t> random_ids(int64_t n, int64_t vocab, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<int32_t> ids(static_cast<size_t>(n));
  for (int32_t& id : ids) id = int32_t(random() % uint64_t(vocab));
  return ids;
}

void share_context(SessionOptions& options, int64_t depth) {
  const int64_t shared = depth / kKvBlock;
  options.n_pages = shared + options.n_seq * (kv_pages(options.capacity) - shared);
}

void fill_context(Session& session, const Model& model, int64_t depth, uint64_t seed) {
  if (depth == 0) return;
  const std::vector<int32_t> ids = random_ids(depth, model.config.vocab, seed);
  session.prefill(0, ids.data(), depth);
  for (int64_t seq = 1; seq < session.n_seq(); ++seq) session.copy_prefix(0, seq, depth);
}

namespace {

/// True when the last three agree within 2 %.
bool settled(const std::vector<int64_t>& times) {
  constexpr size_t kRuns = 3;
  if (times.size() < kRuns) return false;
  const auto [low, high] = std::minmax_element(times.end() - kRuns, times.end());
  return double(*high) <= 1.02 * double(*low);
}

/// Runs until settled; a warm-up touches all memory and wakes the threads, and one sequence, or a few
/// steps, does that. False when interrupted.
bool warm_up(CaseRunner& runner, Profiler& profiler, const CaseSettings& settings, WarmUp& to) {
  constexpr int64_t kSteps = 8, kMostRuns = 10, kMostNs = 3'000'000'000;
  const bool decode = settings.phase == Phase::kDecode;
  const int64_t n_tokens = decode ? std::min(settings.n_tokens, kSteps) : settings.n_tokens;
  to = {};
  if (settings.warmup == 0) return true;
  std::vector<int64_t> times;
  do {
    TimedRun run;
    if (!runner.run(profiler, 1, n_tokens, run)) return false;
    times.push_back(run.wall_ns);
    ++to.runs, to.ns += run.wall_ns, to.first_ns = times.front();
    to.converged = settled(times);
  } while (to.runs < settings.warmup || (!to.converged && to.runs < kMostRuns && to.ns < kMostNs));
  return true;
}

}  // namespace

static void require_same_output(const std::vector<TimedRun>& runs, const TimedRun& run) {
  if (!runs.empty() && runs.front().output_hash != run.output_hash)
    fail(
        "run {}: expected the tokens of the first run (hash {:016x}), got others ({:016x}): a "
        "kernel "
        "depends on something besides its inputs",
        runs.size() + 1, runs.front().output_hash, run.output_hash);
}

std::optional<CaseResult> measure_case(Session& session, const Model& model,
                                       const CaseSettings& settings) {
  Profiler profiler;
  Profiler* const before = std::exchange(model.backend->profiler, &profiler);
  CaseRunner runner(session, model, settings);
  std::vector<TimedRun> runs;
  std::vector<double> readings;
  const auto read_bandwidth = [&] {
    if (settings.phase == Phase::kDecode && settings.read_bandwidth)
      readings.push_back(settings.read_bandwidth());
  };
  WarmUp before_all;
  TelemetryReader reader(model.backend->threads());
  bool running = warm_up(runner, profiler, settings, before_all);
  for (int64_t i = 0; i < settings.runs && running; ++i) {
    if (settings.progress) settings.progress(i);
    read_bandwidth();
    TimedRun run;
    reader.start();
    running = runner.run(profiler, session.n_seq(), settings.n_tokens, run);
    if (running) require_same_output(runs, run);
    run.telemetry = reader.finish(run.wall_ns);
    if (running) runs.push_back(std::move(run));
  }
  if (!runs.empty()) read_bandwidth();
  if (running && settings.after_runs)
    settings.after_runs([&, again = TimedRun()]() mutable {
      return runner.run(profiler, session.n_seq(), settings.n_tokens, again);
    });
  model.backend->profiler = before;
  if (runs.empty()) return std::nullopt;
  CaseResult result = result_of(runs, settings, session.n_seq());
  result.warm_up = before_all;
  if (!readings.empty()) result.read_bandwidth = summarize(readings).median;
  result.memory = model.backend->memory();
  // A session allocates everything when it is made, so what it holds now is its peak; the backend's
  // own peak may be that of an earlier, larger session.
  for (MemoryKind kind : {MemoryKind::kKvCache, MemoryKind::kActivations})
    result.memory.peak[size_t(kind)] = result.memory.now[size_t(kind)];
  return result;
}

}  // namespace qwench::bench
