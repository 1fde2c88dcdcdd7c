// Other builds of this program in a comparison. A turn is a new process, so that what differs from start to
// start (addresses, page placement) is part of the sample and not of the verdict.
#pragma once
#include <deque>
#include <string>
#include <vector>

#include "bench/comparison/arms.h"
#include "bench/model/model_options.h"

namespace qwench::bench {

/// One build, as `--exe` names it: NAME=PATH or PATH.
struct Program {
  std::string name, path;
};

/// UsageError on a text without path and on equal names; a name that is left out is "a", "b", ...
std::vector<Program> read_programs(const std::vector<std::string>& texts);

class Programs : public Arms {
 public:
  /// UsageError when the model cannot be opened; Error when a program cannot be run.
  Programs(std::vector<Program> programs, const ModelOptions& model, const Workload& workload);

  size_t count() const override { return programs_.size(); }
  std::string name(size_t arm) const override { return programs_[arm].name; }
  /// The whole prompt in chunks, and token by token; of a batch a program shows no logits, only which tokens
  /// were the likeliest.
  ArmOutputs outputs(size_t arm) override;
  /// One process measures all phases: what it says of the others is kept for their turns.
  std::optional<Turn> take_turn(size_t arm, Phase phase, int64_t repeats) override;
  ArmFacts facts(size_t arm) override;

 private:
  struct Kept {
    Phase phase;
    Turn pass;
  };

  std::vector<std::string> options(int64_t prefill_chunk) const;
  Json run(size_t arm, std::vector<std::string> arguments, int64_t prefill_chunk) const;
  bool measure(size_t arm);
  PhaseOutput output_of(size_t arm, Phase phase) const;
  bool read_logits(size_t arm, Phase phase, Rows& to) const;

  std::vector<Program> programs_;
  const ModelOptions& model_;
  const Workload& workload_;
  int64_t vocab_ = 0;
  Numerics numerics_;                   // of all of them
  std::vector<std::deque<Kept>> kept_;  // of each program
  std::vector<Json> last_;              // its last result
};

}  // namespace qwench::bench
