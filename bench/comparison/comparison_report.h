// What a comparison found, for people and for scripts.
#pragma once
#include <string>
#include <vector>

#include "bench/comparison/closeness.h"
#include "bench/comparison/paired.h"
#include "bench/comparison/rounds.h"

namespace qwench::bench {

/// The first configuration against another one, in one phase; or one op of it.
struct Pair {
  std::string a, b;
  Phase phase = Phase::kPrefill;
  std::string_view
      op;  // "": the whole model; "matmul", "norm", "rope": ops of which one arm runs parts
  Paired paired;
  bool wrong = false;  // b computes something else: its speed says nothing

  /// "better", "worse", "not_separated"; "wrong".
  std::string_view verdict() const { return wrong ? "wrong" : name_of(paired.verdict); }
};

struct ComparedConfiguration {
  OrderedJson description;
  std::string name;
  Closeness closeness;
  int64_t memory_bytes = 0;                // 0: unknown
  std::vector<Summary> tokens_per_second;  // as `phases`
};

struct ComparisonReport {
  OrderedJson config;
  std::vector<Phase> phases;
  std::vector<ComparedConfiguration> configurations;
  std::vector<Pair> pairs;    // whole model
  std::vector<Pair> kernels;  // ops that take at least 1 % of the time in both
  int64_t rounds = 0;
  bool interrupted = false;
  bool with_targets = false;  // people asked for the judgement of b by those of the guides
};

/// {"a", "b", "phase", "op" (of an op), the members of Paired, "verdict"}.
OrderedJson to_json(const Pair& pair);

/// Pairs and speeds from the turns, and what compare_outputs() found; the rest is asked of the arms.
ComparisonReport evaluate(Arms& arms, const Workload& workload,
                          const std::vector<Closeness>& closeness, const Measured& measured,
                          const PairedRule& rule);

OrderedJson report_json(const ComparisonReport& report);
std::string report_text(const ComparisonReport& report);

}  // namespace qwench::bench
