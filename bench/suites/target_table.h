// The speed, latency and memory targets of the benchmark guides, as data, and what the machine at hand was
// measured to allow.
#pragma once
#include <array>
#include <optional>
#include <string_view>
#include <vector>

namespace qwench::bench {

/// Targets of a model of one size at one precision, from the better to the worse end of a range that the
/// guide gives; the worse end is what must be met.
struct ModelTarget {
  std::string_view name;              // "1.7B 4-bit"
  double parameters = 0, bits = 0;    // of the model that the guide means
  double tokens_per_second[2];        // one sequence, from - to
  std::array<double, 4> batch_least;  // tokens/s at batch 1, 4, 8, 16; 0: none given
  double first_token_ms[2];
  double memory_gb[2];
  double power_w[2];
};
const std::vector<ModelTarget>& model_targets();

/// The row of the size and precision nearest to a model's; bits: of a weight in memory.
const ModelTarget& nearest_target(double parameters, double bits);

enum class TargetMetric : unsigned char { kTokensPerSecond, kFirstToken, kAnswer, kMemory };

/// A target for any model on a kind of device.
struct UseTarget {
  std::string_view name;  // "development"
  std::string_view device;
  TargetMetric metric;
  double limit = 0;  // tokens/s, ms, s, GB
};
const std::vector<UseTarget>& use_targets();

/// What the machine allows for a model, from measured bandwidth and arithmetic alone.
struct Ceilings {
  double bytes_per_second = 0, ops_per_second = 0;
  double weight_bytes = 0;   // read for each step
  double ops_per_token = 0;  // multiply and add

  /// Tokens a second of a batch: weights are read once for all of it.
  double tokens_per_second(double batch) const;
  /// ns for a prompt of n tokens: neither arithmetic nor one pass over the weights can be saved.
  double first_token_ns(double n) const;
};

}  // namespace qwench::bench
