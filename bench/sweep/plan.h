// What a sweep will measure, in what memory and about how long, said before it begins.
#pragma once
#include <string>
#include <vector>

#include "bench/sweep/options.h"
#include "bench/sweep/samples.h"

namespace qwench::bench {

struct PlannedCase {
  CaseKey key;
  int64_t memory_bytes = 0;  // weights, keys and values, activations
  double seconds = 0;        // warm-up and timed runs
  bool known = false;        // --samples has it
};

struct BenchPlan {
  std::vector<PlannedCase> cases;
  int64_t available_bytes = 0;
  double load_seconds = 0;  // for every thread count

  double seconds() const;
  /// Every case that is still to be measured.
  bool fits() const;
};

/// Opens the model and measures the ceilings of every thread count, about a second each. UsageError,
/// Error.
BenchPlan plan_bench(const BenchOptions& options);

OrderedJson plan_json(const BenchPlan& plan);
std::string plan_text(const BenchPlan& plan);

}  // namespace qwench::bench
