// Which configuration to take: the front of speed, closeness to the reference and memory, and the
// fastest one within the user's limits. What is not known is never taken for good.
#pragma once
#include <string>
#include <vector>

#include "bench/report/collected.h"

namespace qwench::bench::report {

/// "memory=4GB": a bound on one figure of a configuration.
struct Limit {
  std::string name, text;  // "memory", "memory=4GB"
  double value = 0;        // bytes, ms, nats, tokens/s
};

/// UsageError on an unknown name, a number without sense, or a name given twice. Names: memory, ttft, kl,
/// perplexity, ppl_ratio (at most), speed, prefill (at least).
std::vector<Limit> parse_limits(const std::vector<std::string>& texts);
std::string limit_names();

enum class Fit : unsigned char { kFits, kMisses, kUnknown };

struct Judged {
  Fit fit = Fit::kFits;
  std::string why;  // what is missed or not known
};
/// Against all limits; without any, against the tolerances of `accuracy` where they were checked.
Judged judge(const Choice& choice, const std::vector<Limit>& limits);

/// True when no other choice is as good in all that is known of this one and better in something.
bool on_front(const Choice& choice, const std::vector<Choice>& all);

/// One row a choice; without rows for fewer than two.
Section choices_section(const std::vector<Choice>& choices, const std::vector<Limit>& limits);
/// Decode speed against divergence (memory where no divergence is known), size as area.
Chart pareto_chart(const std::vector<Choice>& choices);
/// One sentence on what to take and why; "" where nothing was timed.
std::string recommendation(const std::vector<Choice>& choices, const std::vector<Limit>& limits);

}  // namespace qwench::bench::report
