// The configurations of a comparison in memory. What is the same in two of them is loaded once: a
// comparison of a configuration with itself then differs in nothing but time.
#pragma once
#include <memory>

#include "bench/accuracy/configured_model.h"
#include "bench/comparison/arms.h"
#include "bench/comparison/delayed_kernels.h"

namespace qwench::bench {

/// A loaded model with a session of the workload, for one or more configurations.
class Contender {
 public:
  Contender(std::unique_ptr<ConfiguredModel> model, const Workload& workload);

  /// Times `repeats` passes of the phase, every op slowed by `delay`, after a short untimed one that
  /// wakes sleeping threads. Nothing when interrupted.
  std::optional<Turn> take_turn(Phase phase, int64_t repeats, double delay);

  /// Runs the phases as they are timed and keeps what they compute.
  ArmOutputs outputs();

  const ConfiguredModel& model() const { return *model_; }
  /// What the backend holds, and what the session added at most.
  MemoryCounters memory() const { return model_->loaded().backend->memory(); }

 private:
  PhaseOutput output_of(Phase phase);
  /// What is wrong with the argmax of the logits of the last pass, of n rows; "" for nothing.
  std::string wrong_choice(int64_t n);
  CaseRunner& runner(Phase phase) { return phase == Phase::kPrefill ? prefill_ : decode_; }

  const Workload& workload_;
  std::unique_ptr<ConfiguredModel> model_;
  Session session_;
  DelayedKernels delayed_;
  Profiler profiler_;
  CaseRunner prefill_, decode_;
  LayerHook keep_residual_;  // empty but while outputs() runs
  std::string no_context_;   // why there is none, where NaN or Inf is
};

class Contenders : public Arms {
 public:
  /// Opens all, then loads them one after the other. UsageError on a wrong option; Error when they do
  /// not fit into memory together.
  Contenders(std::vector<Configuration> configurations, const Workload& workload);

  size_t count() const override { return configurations_.size(); }
  std::string name(size_t arm) const override { return configurations_[arm].name; }
  ArmOutputs outputs(size_t arm) override;
  std::optional<Turn> take_turn(size_t arm, Phase phase, int64_t repeats) override;
  ArmFacts facts(size_t arm) override;

 private:
  Contender& of(size_t arm) { return *loaded_[of_[arm]]; }

  std::vector<Configuration> configurations_;
  std::vector<std::unique_ptr<Contender>> loaded_;
  std::vector<size_t> of_;  // configuration -> index of `loaded_`
};

}  // namespace qwench::bench
