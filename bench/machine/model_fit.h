// Whether a model fits into this machine's memory, and what bounds its speed there.
#pragma once
#include <string>

#include "bench/machine/prediction.h"
#include "bench/model/model_options.h"
#include "engine/backend/probes.h"

namespace qwench::bench {

struct ModelFit {
  std::string model, dtype;
  int64_t capacity = 0, available = 0;  // positions; bytes
  MemoryPlan plan;
  TokenCost token;     // with the context half full
  std::string level;   // of the memory that holds the weights
  double ceiling = 0;  // tokens/s; 0: a cache holds the weights, or reading was not measured

  bool fits() const { return plan.total() <= available; }
};

/// Reads headers only. UsageError, Error as open_model().
ModelFit fit_of(const ModelOptions& options, const Ceilings& roofline, int threads);

OrderedJson to_json(const ModelFit& fit);
std::string fit_text(const ModelFit& fit);

}  // namespace qwench::bench
