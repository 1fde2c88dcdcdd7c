// How coarse a model's weights are, which decides what difference from finer ones is a fault.
#pragma once
#include "bench/model/model_options.h"

namespace qwench::bench {

/// Ordered from fine to coarse.
enum class WeightPrecision : uint8_t { kFloat, k8Bit, kBelow8Bit };
constexpr int kWeightPrecisions = 3;

/// "16 bits and more", "8 bits", "below 8 bits".
const char* name_of(WeightPrecision precision);

/// That of the coarsest matrix, as the file holds it or as the options hold it in memory.
WeightPrecision precision_of(const Checkpoint& checkpoint, const ModelOptions& options);

/// The same numbers in memory: only kernels can differ.
bool same_weights(const ModelOptions& a, const ModelOptions& b);

/// The limits for a candidate beside a reference: those of its own precision; where the reference has the
/// same weights, only the kernels differ, and they round inputs to 8 bits at most.
WeightPrecision judged_as(WeightPrecision candidate, bool same_weights_as_reference);

}  // namespace qwench::bench
