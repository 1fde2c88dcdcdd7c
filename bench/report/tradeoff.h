// The front of speed, closeness to the reference and memory, as table and chart. What failed a check is
// not on it.
#pragma once
#include "bench/report/limits.h"

namespace qwench::bench::report {

/// True when no other configuration of the same environment is as good in all that is known of this one
/// and better in something. A speed is better only where it is separated.
bool on_front(const Candidate& candidate, const Comparison& comparison);

/// One row a choice; without rows for fewer than two, unless there are limits or failures.
Section choices_section(const Comparison& comparison, const std::vector<Limit>& limits);
/// Decode speed against divergence (memory where no divergence is known), size as area.
Chart pareto_chart(const Comparison& comparison);

}  // namespace qwench::bench::report
