// Bounds that the user puts on figures of a configuration. What is not known is never taken for good,
// and what failed a check is within no limits.
#pragma once
#include <string>
#include <vector>

#include "bench/report/comparison.h"

namespace qwench::bench::report {

/// "memory=4GB": a bound on one figure of a configuration.
struct Limit {
  std::string name, text;  // "memory", "memory=4GB"
  double value = 0;        // bytes, ms, nats, tokens/s
};

/// UsageError on an unknown name, a number without sense, or a name given twice. Names: memory, ttft,
/// kl, perplexity, ppl_ratio (at most), speed, prefill (at least); also kld_mean (kl) and mem (memory).
std::vector<Limit> parse_limits(const std::vector<std::string>& texts);
std::string limit_names();

enum class Fit : unsigned char { kFits, kMisses, kUnknown };

struct Judged {
  Fit fit = Fit::kFits;
  std::string why;  // what failed, is missed or is not known
};
/// Against all limits, and against the checks that it failed.
Judged judge(const Candidate& candidate, const std::vector<Limit>& limits);

}  // namespace qwench::bench::report
