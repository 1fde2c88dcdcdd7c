// Whether a configuration computes what the first one computes, phase by phase as it is timed. One that does
// not is never called better.
#pragma once
#include <string>
#include <vector>

#include "bench/comparison/arms.h"
#include "engine/base/json.h"

namespace qwench::bench {

struct PhaseCloseness {
  Phase phase = Phase::kPrefill;
  int64_t rows = 0;           // compared, of logits and of the residual stream
  double relative_l2 = 0;     // of the one that differs more
  double worst_row = 0;       // the relative L2 of the row that differs most
  LogitsLimit limit;          // of relative_l2; a row may be kWorstRow times as far
  bool other_tokens = false;  // the arg maxes differ where only they are known
  std::string wrong;          // "" within the limit
};
constexpr double kWorstRow = 4;

/// Of a configuration to the first one; of the first one to itself it is all zeros.
struct Closeness {
  int64_t tokens = 0;  // rows of logits compared; 0: other vocabularies, or nothing is finite
  double relative_l2 = 0, mean_kl = 0, top1 = 1;  // over all of them
  std::vector<PhaseCloseness> phases;
  bool finite = true;

  bool wrong() const;
};

/// Runs every arm once. Empty when interrupted.
std::vector<Closeness> compare_outputs(Arms& arms);

bool any_wrong(const std::vector<Closeness>& closeness);

/// False where NaN or Inf keep a configuration from running at all.
bool all_finite(const std::vector<Closeness>& closeness);

/// {"tokens", "relative_l2", "mean_kl", "top1", "correct", "phases": [{"phase", "rows", "relative_l2",
/// "worst_row", "limit", "because", "other_tokens", "wrong"}]}; null where it is not known.
OrderedJson to_json(const Closeness& closeness);

/// "the same bits", "within the limit", "not judged", "WRONG in prefill": in a word or two.
std::string closeness_text(const Closeness& closeness);
/// A line for everything that is wrong or not known about the configuration of that name; "" for nothing.
std::string closeness_notes(const std::string& name, const std::string& first,
                            const Closeness& closeness);

}  // namespace qwench::bench
