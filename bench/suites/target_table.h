// The speed, latency and memory targets of the benchmark guides, as data, and what the machine at hand was
// measured to allow.
#pragma once
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace qwench::bench {

/// Targets of a model of one size at one precision, from the better to the worse end of a range that the
/// guide gives; the worse end is what must be met.
struct ModelTarget {
  std::string_view name;              // "1.7B 4-bit": its size class first
  double parameters = 0, bits = 0;    // of the model that the guide means
  double tokens_per_second[2];        // one sequence, from - to
  std::array<double, 4> batch_least;  // tokens/s at batch 1, 4, 8, 16; 0: none given
  double first_token_ms[2];
  double memory_gb[2];
};
const std::vector<ModelTarget>& model_targets();

/// The batch sizes of batch_least.
constexpr std::array<int64_t, 4> kTargetBatches = {1, 4, 8, 16};

/// The row of the size and precision nearest to a model's; bits: of a weight in memory.
const ModelTarget& nearest_target(double parameters, double bits);

/// Whether a model may be judged by that row: its parameters are within 1.5 x of those of the guide's model, and
/// its bits a weight too.
struct TargetClass {
  const ModelTarget* nearest = nullptr;
  std::string
      why_not;  // "1.2 million parameters: in no size class of the guides (1.7B, 7B, 14B)"; "" where it may
};
TargetClass class_of(double parameters, double bits);

/// "1.2 million parameters".
std::string parameters_text(double parameters);

/// Below: smaller than any Qwen released for use, so that reaching a target of use says nothing.
constexpr double kSmallestForUse = 0.4e9;  // parameters

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
struct ModelCeilings {
  double bytes_per_second = 0, ops_per_second = 0;
  double weight_bytes = 0;   // read for each step
  double ops_per_token = 0;  // multiply and add

  /// Tokens a second of a batch: weights are read once for all of it.
  double tokens_per_second(double batch) const;
  /// ns for a prompt of n tokens: neither arithmetic nor one pass over the weights can be saved.
  double first_token_ns(double n) const;
};

}  // namespace qwench::bench
