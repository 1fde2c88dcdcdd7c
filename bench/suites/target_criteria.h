// The guides' targets as criteria of what was measured, and which of them apply to a model at all.
#pragma once
#include <array>
#include <string>
#include <vector>

#include "bench/suites/suite.h"
#include "bench/suites/target_table.h"

namespace qwench::bench {

/// What targets are compared with.
struct TargetsMeasured {
  std::vector<double> tokens_per_second, first_token_ns, answer_ns;
  std::array<std::optional<double>, 4> batch_tokens_per_second;  // as kTargetBatches
  double memory_bytes = 0;
  std::string device;                         // "cpu", "gpu"
  int64_t prompt_tokens = 0, new_tokens = 0;  // of an answer
  double parameters = 0, bits = 0;            // bits: of a weight in memory
};

/// A row for every target of the nearest size class, then for every use. What no implementation could reach with
/// these ceilings is not a failure; what is about other models or devices is not applicable.
std::vector<Criterion> judge_targets(const TargetsMeasured& m, const ModelCeilings& ceilings);

}  // namespace qwench::bench
