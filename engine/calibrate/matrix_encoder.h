// One tensor of a checkpoint to its planned type. Where inputs are known, every way of rounding that
// there is competes, and the one with the least error of the output on inputs held out wins.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "engine/calibrate/encoded_tensors.h"
#include "engine/calibrate/error_feedback.h"
#include "engine/calibrate/type_rules.h"

namespace qwench {

/// The ways to round, simplest first: of equals the simpler is kept.
enum class Rounding : uint8_t { kPlain, kImportance, kFeedback };
constexpr int kRoundings = 3;
/// "plain", "importance", "feedback".
std::string_view name_of(Rounding rounding);

struct TensorReport {
  std::string name;
  DType from = DType::kF32, to = DType::kF32;
  Shape shape;
  int64_t bytes_in = 0, bytes_out = 0;
  bool odd_rows = false;    // bf16, since rows are not whole blocks
  double weight_error = 0;  // of what is kept: root of squared error over energy
  Rounding kept = Rounding::kPlain;
  /// Of the output on held-out inputs, root of squared error over energy; empty: not tried.
  std::optional<double> output_error[kRoundings];
  uint64_t source_hash = 0;  // of the bytes it was made from
};

/// What is known of a matrix's inputs; both may be null.
struct KnownInputs {
  const InputStatistics* statistics = nullptr;
  const ErrorFeedback* feedback = nullptr;
};

struct EncodeOptions {
  int threads = 1;
  /// Called on the caller's thread with the weights done; what it throws ends the work.
  std::function<void(int64_t)> progress;
};

/// Error naming the tensor when a weight is not finite.
EncodedTensor encode_tensor(const Checkpoint& source, const PlannedTensor& plan,
                            const KnownInputs& inputs, const EncodeOptions& options,
                            TensorReport& report);

/// The source_hash of a tensor, without encoding it.
uint64_t hash_tensor(const Checkpoint& source, const TensorInfo& tensor, int threads);

/// Bytes that encoding a tensor takes beside its result, statistics included.
int64_t encode_bytes(const PlannedTensor& plan, bool calibrated, int64_t held_out, int threads);

}  // namespace qwench
