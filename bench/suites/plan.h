// What a command's suites will need, before any of them runs.
#pragma once
#include <optional>
#include <vector>

#include "bench/suites/suite.h"

namespace qwench::bench {

/// Time of one decode step and of one prompt token, in seconds.
struct Rates {
  double step = 0, prompt_token = 0;
};
/// From ceilings, at the part of them that kernels usually reach. bytes_per_second, ops_per_second > 0.
Rates estimate_rates(const ModelConfig& config, double weight_bytes, double bytes_per_second,
                     double ops_per_second);

struct PlannedSuite {
  const Suite* suite = nullptr;
  std::optional<int64_t> memory_bytes;  // none: the suite does not say
  std::optional<double> seconds;
};

std::vector<PlannedSuite> plan_suites(const std::vector<const Suite*>& suites,
                                      SuiteContext& context, const Rates& rates);

/// {"suites": [{"suite", "memory_bytes", "fits", "seconds"}], "memory_bytes" (most), "available_bytes", "fits",
/// "seconds" (sum)}; "fits" of a suite that does not say its memory is null.
OrderedJson plan_json(const std::vector<PlannedSuite>& plan, int64_t available_bytes);
std::string plan_text(const OrderedJson& plan);

}  // namespace qwench::bench
