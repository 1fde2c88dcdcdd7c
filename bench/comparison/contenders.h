// The configurations of a comparison in memory. What is the same in two of them is loaded once: a
// comparison of a configuration with itself then differs in nothing but time.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/accuracy/configured_model.h"
#include "bench/bench_case.h"

namespace qwench::bench {

/// What is timed of each configuration, in a round.
struct Workload {
  int64_t prefill = 128, decode = 16;  // tokens of a sequence; 0: not timed
  int64_t depth = 0, batch = 1;
  uint64_t seed = 1;

  int64_t capacity() const { return depth + std::max(prefill, decode); }
  int64_t tokens(Phase phase) const { return phase == Phase::kPrefill ? prefill : decode; }
};

/// The time of one turn, as a whole and by op.
struct Turn {
  double ns = 0;
  std::map<std::string_view, double> op_ns;
};

/// A loaded model with a session of the workload, for one or more configurations.
class Contender {
 public:
  Contender(OpenedModel opened, const Workload& workload);

  /// Times `repeats` passes of the phase, every op slowed by `delay`, after a short untimed one that
  /// wakes sleeping threads. Nothing when interrupted.
  std::optional<Turn> take_turn(Phase phase, int64_t repeats, double delay);

  /// Logits of `n` random tokens, [n][vocab].
  std::vector<float> logits(int64_t n);

  const ConfiguredModel& model() const { return model_; }
  /// What the backend holds, and what the session added at most.
  MemoryCounters memory() const { return model_.loaded().backend->memory(); }

 private:
  const Workload& workload_;
  ConfiguredModel model_;
  Session session_;
  Profiler profiler_;
  CaseRunner prefill_, decode_;
};

struct Contenders {
  std::vector<Configuration> configurations;
  std::vector<std::unique_ptr<Contender>> loaded;
  std::vector<size_t> of;  // configuration -> index of `loaded`

  Contender& at(size_t configuration) const { return *loaded[of[configuration]]; }
};

/// Opens all, then loads them one after the other. UsageError on a wrong option; Error when they do
/// not fit into memory together.
Contenders load_contenders(std::vector<Configuration> configurations, const Workload& workload);

}  // namespace qwench::bench
