// What failed, one sentence a verdict, so that no failed verdict is hidden in a long table.
#pragma once
#include <string>
#include <vector>

#include "bench/report/tables.h"

namespace qwench::bench::report {

/// Of a section whose rows are judged: "Criteria: latency, first_token: fail (value 12.3 s; < 10 s)".
std::vector<std::string> failures_of(const Section& section);

/// "Criteria: 3 of 5 passed, 1 not decided"; "" where nothing is judged.
std::string count_of(const Section& section);

}  // namespace qwench::bench::report
