// Gradient flow through one decoder layer as a validator of weight formats (qwench does not train):
// is the backward right, and how far do a candidate's gradients point from the reference's?
// Straight-through: the candidate's weights are decoded to f32 and nothing else differs.
#pragma once
#include <string>
#include <vector>

#include "engine/base/json.h"
#include "engine/checkpoint/checkpoint.h"

namespace qwench::bench {

/// The float backward on a small block; rounding alone stays below 1e-6.
constexpr double kMaxFiniteDifferenceError = 1e-5;
constexpr double kMaxGoldenError = 1e-4;

/// One gradient tensor of one candidate; "input" is the gradient by the layer's input.
struct GradientRow {
  std::string candidate, tensor;
  double cosine = 0;       // of the candidate's and the reference's gradient; 1: both are zero
  double relative_l2 = 0;  // |candidate - reference| / |reference|; infinite: only that is zero
  bool pass = false;       // cosine >= min_cosine; never when a value is not finite
};

/// One tensor of a file of expected gradients: ours against the file's.
struct GoldenRow {
  std::string file, tensor;  // "output" is the forward's result
  double error = 0;          // max|ours - expected| / max|expected|
  bool pass = false;         // error <= kMaxGoldenError
};

struct GradientReport {
  int64_t layer = 0, n_tokens = 0;
  uint64_t seed = 0;
  double min_cosine = 0;
  double finite_difference_error = 0;  // worst relative error of the backward against central
                                       // differences, on a small block
  bool recompute_equal = false;        // every gradient, bit for bit
  // Activations of the reference's pass over the layer: between forward and backward, and the most
  // at one time.
  int64_t kept_bytes = 0, kept_bytes_recompute = 0, peak_bytes = 0, peak_bytes_recompute = 0;
  std::vector<GradientRow> rows;  // one per candidate x gradient tensor
  std::vector<GoldenRow> golden;  // one per golden file x tensor
};

struct GradientArgs {
  const Checkpoint& reference;
  DType reference_dtype;  // of the matrices, before they are widened to f32
  struct Candidate {
    std::string name;
    const Checkpoint* checkpoint;
    DType dtype;
  };
  std::vector<Candidate> candidates = {};
  int64_t layer = 0;
  int64_t n_tokens = 32;
  uint64_t seed = 1;  // of the layer's input and of the gradient of its output: both unit variance
  double min_cosine = 0.99;
  std::vector<std::string> golden_files = {};  // see golden_layer.h
};

/// Runs every check. UsageError: layer or n_tokens out of range. Error: a candidate of other sizes,
/// a tensor that is missing, not enough memory, a reference whose gradients are not finite.
GradientReport compare_gradients(const GradientArgs& args);

/// True when every check of the report passes.
bool passed(const GradientReport& report);

/// Tables for people.
std::string to_string(const GradientReport& report);
/// {"layer", "n_tokens", "seed", "min_cosine", "pass", "finite_differences", "recompute", "rows",
/// "golden"}; a number that is not finite is null.
OrderedJson to_json(const GradientReport& report);

}  // namespace qwench::bench
