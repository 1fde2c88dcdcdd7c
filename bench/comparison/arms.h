// What takes turns in a comparison: configurations in this process, or other builds of this program. A turn
// is a time; everything else is asked for once, afterwards.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

/// A configuration besides its speed.
struct ArmFacts {
  OrderedJson description;    // what the numbers were computed with
  int64_t memory_bytes = 0;   // weights, keys and values, activations and scratch; 0: unknown
  int64_t vocab = 0;          // 0: no logits
  std::vector<float> logits;  // [n_tokens][vocab]
};

class Arms {
 public:
  virtual ~Arms() = default;
  virtual size_t count() const = 0;
  virtual std::string name(size_t arm) const = 0;
  /// Times `repeats` passes of the phase. Nothing when interrupted.
  virtual std::optional<Turn> take_turn(size_t arm, Phase phase, int64_t repeats) = 0;
  /// With the logits of n random tokens, as far as they can be had.
  virtual ArmFacts facts(size_t arm, int64_t n_tokens, uint64_t seed) = 0;
};

}  // namespace qwench::bench
