// What a candidate must keep to. Every figure that can be demanded is a row of one table in
// tolerance.cc; those with a default are demanded always. The defaults grow with the coarseness of
// the weights; a limit that the user sets is one for all.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "bench/accuracy/generation.h"
#include "bench/accuracy/lockstep.h"
#include "bench/accuracy/weight_precision.h"

namespace qwench::bench {

/// Everything known about one candidate.
struct CandidateResult {
  std::string name;
  OrderedJson description;  // ConfiguredModel::to_json()
  WeightPrecision judged_as = WeightPrecision::kFloat;
  CandidateScore score;
  std::optional<DivergenceSummary> divergence;  // none when nothing was compared
  std::optional<GenerationSimilarity> generation;
  Stability stability;
  /// The same candidate beside the reference kernels on its own weights, where the limits for weights so coarse
  /// would hide damage; null where there is no need, or `same_weights_note` says why not.
  std::unique_ptr<CandidateResult> same_weights;
  std::string same_weights_note;
};

/// Before the name of a metric that is beside the candidate's own weights.
constexpr const char* kSameWeights = "same_weights_";

struct Verdict {
  std::string metric;
  double value = 0, limit = 0;
  bool at_least = false;    // the value must not be below the limit; else not above it
  bool pass = false;        // never with a NaN
  bool either_way = false;  // the value is how far it is from 1, below as above
};

/// The limits in force, by metric.
class Tolerances {
 public:
  /// "name=value". UsageError on an unknown name (with the nearest and the list) or a bad number.
  void set(std::string_view text);

  /// One verdict for each limit whose figure the candidate has; those beside its own weights follow.
  std::vector<Verdict> judge(const CandidateResult& candidate) const;

  /// {"kld_mean": 0.002, ...}: the limits in force.
  OrderedJson to_json(WeightPrecision precision) const;
  /// "kld_mean <= 0.002, ...".
  std::string to_string(WeightPrecision precision) const;
  /// The names of all metrics.
  static std::vector<std::string> names();

 private:
  std::vector<Verdict> judge_one(const CandidateResult& candidate, bool beside_own_weights) const;
  std::optional<double> limit(size_t row, WeightPrecision precision) const;

  std::map<size_t, double> set_;  // by row of the table
};

bool all_pass(const std::vector<Verdict>& verdicts);

/// Where in the stack a candidate leaves the reference, from its relative L2 errors after each
/// layer alone.
struct ErrorTrace {
  int64_t first_beyond = -1;     // first layer above the limit or not a number; -1: none
  int64_t largest_jump = -1;     // layer that adds the most error for its size; -1: no layers
  double before = 0, after = 0;  // relative L2 before and after the layer of largest_jump
};
ErrorTrace trace_error(const std::vector<Similarity>& layers, double limit);

/// "damaged: FAIL, layer 2: relative error 0.000003 -> 0.050; kld_mean 0.01 > 0.002", or what a PASS rests on.
/// `scope`: what a PASS holds for, "511 tokens"; may be empty.
std::string verdict_sentence(const CandidateResult& candidate, const Tolerances& tolerances,
                             const std::string& scope = "");

}  // namespace qwench::bench
