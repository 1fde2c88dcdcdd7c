// One case of the benchmark: a phase at one thread count, batch and depth, timed several times.
// Random token ids with a fixed seed; no token ends a run, so every run does the same work.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "bench/machine/run_telemetry.h"
#include "bench/support/statistics.h"
#include "engine/model/session.h"

namespace qwench::bench {

struct CaseSettings {
  Phase phase = Phase::kPrefill;
  int64_t depth = 0;     // tokens of context before the timed ones
  int64_t n_tokens = 0;  // per sequence
  int64_t runs = 5;
  int64_t warmup = 1;  // runs at least; 0: none
  uint64_t seed = 1;
  std::function<void(int64_t run)> progress;  // before each timed run
  std::function<double()>
      read_bandwidth;  // bytes/s now; asked around each decode run; may be empty
  /// After the timed runs, with a function that runs once more (false: interrupted); may be empty.
  std::function<void(const std::function<bool()>& run_again)> after_runs = {};
};

/// One timed pass over all tokens of a phase.
struct TimedRun {
  int64_t wall_ns = 0, ttft_ns = 0;
  std::vector<OpRecord> ops;
  uint64_t output_hash = 0;  // of the arg maxes, in the order in which they were made
  RunTelemetry telemetry;    // of the timed runs
};

/// Times passes on a session that holds `depth` tokens in each sequence, and leaves it so.
class CaseRunner {
 public:
  CaseRunner(Session& session, const Model& model, const CaseSettings& settings);

  /// The first n_tokens of the first n_seq sequences (prefill; decode always steps all). False when
  /// interrupted. `profiler` belongs to the session's backend.
  bool run(Profiler& profiler, int64_t n_seq, int64_t n_tokens, TimedRun& to);

  /// Called when the session holds n rows of logits, for a run that is looked at and not timed; may be empty.
  std::function<void(int64_t n)> on_logits;

 private:
  bool prefill(int64_t n_seq, int64_t n_tokens, int64_t start, TimedRun& to);
  bool decode(int64_t n_tokens);

  Session& session_;
  int64_t vocab_;
  Phase phase_;
  int64_t depth_, n_tokens_;
  std::vector<int32_t> tokens_;
  std::vector<int32_t> chosen_;  // arg maxes of the pass
};

/// The untimed runs before: until three in a row agree within 2 %, or for long enough.
struct WarmUp {
  int64_t runs = 0, ns = 0, first_ns = 0;  // first_ns: cold
  bool converged = false;
};

/// What was measured. Every figure is the median of all runs, as statistics.h has it; the ops are those of one
/// run, which is nearest to it.
struct CaseResult {
  Phase phase = Phase::kPrefill;
  int64_t batch = 0, depth = 0, n_tokens = 0;
  Summary tokens_per_second;  // over the whole batch
  Summary ttft_ns;            // prefill: start to the first token of the first sequence
  double read_bandwidth = 0;  // decode: median of the readings between the runs; 0: none
  WarmUp warm_up;
  std::vector<RunTelemetry> telemetry;  // of each timed run
  int64_t wall_ns = 0;
  std::vector<OpRecord> ops;
  int64_t ops_wall_ns = 0;   // of their run
  uint64_t output_hash = 0;  // the same in every run
  MemoryCounters memory;

  /// Bytes, operations and time of all ops.
  OpCost cost() const;
  int64_t ops_ns() const;
};

/// Random ids in [0, vocab), the same for the same seed.
std::vector<int32_t> random_ids(int64_t n, int64_t vocab, uint64_t seed);

/// Pages for sequences that all begin with the same `depth` tokens, as fill_context() makes them: what is whole of
/// those is there once.
void share_context(SessionOptions& options, int64_t depth);

/// Fills every sequence with `depth` random tokens.
void fill_context(Session& session, const Model& model, int64_t depth, uint64_t seed);

/// Runs the case on a session that holds `depth` tokens in each sequence, and leaves it so. Empty
/// when interrupted before the first run was over. Error when two runs computed different tokens: then
/// neither time means anything.
std::optional<CaseResult> measure_case(Session& session, const Model& model,
                                       const CaseSettings& settings);

}  // namespace qwench::bench
