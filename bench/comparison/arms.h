// What takes turns in a comparison: configurations in this process, or other builds of this program. What they
// compute is asked for before the first turn, and of plug-ins again after the last; a turn is a time; the rest is
// asked for afterwards.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/accuracy/rounding.h"
#include "bench/sweep/case.h"

namespace qwench::bench {

/// What is timed of each configuration, in a round.
struct Workload {
  int64_t prefill = 128, decode = 16;  // tokens of a sequence; 0: not timed
  int64_t depth = 0, batch = 1;
  uint64_t seed = 1;

  int64_t capacity() const { return depth + std::max(prefill, decode); }
  int64_t tokens(Phase phase) const { return phase == Phase::kPrefill ? prefill : decode; }
};

/// The time of one turn, as a whole and by op.
struct Turn {
  double ns = 0;
  std::map<std::string_view, double> op_ns;
};

/// Rows of numbers, as many of those that a phase made as memory allows: [n][width].
struct Rows {
  int64_t width = 0;
  std::vector<float> values;
  int64_t n() const { return width ? int64_t(values.size()) / width : 0; }
};

/// What a phase computes when it runs as it is timed.
struct PhaseOutput {
  Phase phase = Phase::kPrefill;
  Rows logits;  // of the last token of each sequence (prefill), of every sequence and step (decode)
  Rows residual;  // after the last layer, of every token; no rows: not known
  InputPrecision inputs = InputPrecision::kF32;  // the coarsest of the kernels that ran
  std::string tokens;                            // a hash of the arg maxes; "": not known
  std::string nonfinite;                         // why there are no rows, where NaN or Inf is
  std::string wrong_choice;  // of the argmax op: an id that has not the largest logit; "" for none
};

/// What a configuration computes.
struct ArmOutputs {
  Numerics numerics;  // without `inputs`, which are of a phase
  std::vector<PhaseOutput>
      phases;  // prefill, then decode, as far as they are timed; none: interrupted
};

/// A configuration besides its speed and outputs.
struct ArmFacts {
  OrderedJson description;   // what the numbers were computed with
  int64_t memory_bytes = 0;  // weights, keys and values, activations and scratch; 0: unknown
};

class Arms {
 public:
  virtual ~Arms() = default;
  virtual size_t count() const = 0;
  virtual std::string name(size_t arm) const = 0;
  /// Runs the workload once, untimed.
  virtual ArmOutputs outputs(size_t arm) = 0;
  /// Times `repeats` passes of the phase. Nothing when interrupted.
  virtual std::optional<Turn> take_turn(size_t arm, Phase phase, int64_t repeats) = 0;
  /// After the first turn.
  virtual ArmFacts facts(size_t arm) = 0;
};

}  // namespace qwench::bench
