// How far numbers may be from others because of rounding: the limits of an op alone (`kernels`) and of a
// model's logits (`compare`, suites), in one table. Weights of another type are another model, whose limits
// say only that it is still about the same one.
#pragma once
#include <optional>
#include <string>

#include "bench/accuracy/weight_precision.h"
#include "engine/backend/kernel.h"

namespace qwench::bench {

/// Of an op's output against `reference`, for a kernel that rounds its inputs so.
double op_nmse_limit(InputPrecision inputs);

/// Of the logits of random tokens between two sets of kernels, the coarser of which rounds its inputs so.
double logits_l2_limit(InputPrecision inputs);

/// What the logits of a configuration were computed with.
struct Numerics {
  std::string model, dtype, kv_dtype;                   // empty: not known, as in the other one
  WeightPrecision precision = WeightPrecision::kFloat;  // of the weights
  InputPrecision inputs = InputPrecision::kF32;         // the coarsest of the kernels that ran
};

/// The relative L2 of logits that the differences between two configurations explain.
struct LogitsLimit {
  std::optional<double> relative_l2;  // none: of another model anything is right
  std::string because;  // "the same weights, f32 inputs", "other weights (bf16, q4_0)"
};
LogitsLimit logits_limit(const Numerics& a, const Numerics& b);

}  // namespace qwench::bench
