// A configuration of `qwench accuracy` in memory. First every one of them is opened (headers only)
// and all are known to fit together, then they are loaded.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "bench/accuracy/stability.h"
#include "bench/accuracy/weight_precision.h"
#include "bench/model/configuration.h"

namespace qwench::bench {

/// Files found, kernels known, nothing loaded.
struct OpenedModel {
  Configuration configuration;
  std::unique_ptr<Checkpoint> checkpoint;
  std::unique_ptr<Backend> backend;
  SessionOptions session;

  MemoryPlan plan() const;
};

/// Calls f; an error in it is said of the configuration that it is about.
template <class F>
auto of_configuration(const Configuration& configuration, const F& f) {
  try {
    return f();
  } catch (const Cancelled&) {
    throw;
  } catch (const UsageError& error) {
    throw UsageError(configuration.name + ": " + error.what());
  } catch (const Error& error) {
    throw Error(configuration.name + ": " + error.what());
  }
}

/// Plans one sequence of `capacity` positions and logits of up to `rows` tokens a pass. team: as for
/// make_backend(). UsageError on a wrong model, kernel or a layer to damage that the model does not have.
OpenedModel open_configured(const Configuration& configuration, int64_t capacity, int64_t rows,
                            std::shared_ptr<cpu::Team> team = nullptr);

/// Error with every configuration's bytes unless all of them and `shared` bytes fit together.
void require_memory_together(const std::vector<OpenedModel>& models, int64_t shared,
                             int64_t available);

/// A loaded model. Every op's output is watched, and the configuration's damage is done to whatever
/// session runs it.
class ConfiguredModel {
 public:
  explicit ConfiguredModel(OpenedModel opened);
  ConfiguredModel(const ConfiguredModel&) = delete;

  const std::string& name() const { return opened_.configuration.name; }
  const Configuration& configuration() const { return opened_.configuration; }
  const ModelConfig& config() const { return loaded_.model.config; }
  const LoadedModel& loaded() const { return loaded_; }
  /// As planned when it was opened.
  const SessionOptions& session_options() const { return opened_.session; }
  const Checkpoint& checkpoint() const { return *opened_.checkpoint; }
  WeightPrecision precision() const {
    return precision_of(*opened_.checkpoint, opened_.configuration.model);
  }
  /// Nothing is counted from here on: for runs whose speed matters and values do not.
  void stop_watching();
  const Stability& stability() const { return watch_.seen(); }

  /// {"configuration", "model", "dtype", "kv_dtype", "backend", "threads", "prefill_chunk",
  /// "kernel_policy", "injection", "check_finite", "mmap", "checkpoint_hash", "plugin_hashes",
  /// "memory"}: what the numbers were computed with.
  OrderedJson to_json() const;

 private:
  OpenedModel opened_;
  LoadedModel loaded_;
  StabilityWatch watch_;
  mutable OrderedJson identity_;  // of files that are not read again for every report
};

}  // namespace qwench::bench
