// What to choose, in sentences: the fastest, and the fastest that is within the limits and failed
// nothing. Of speeds that are not separated none is called the fastest.
#pragma once
#include <string>
#include <vector>

#include "bench/report/limits.h"

namespace qwench::bench::report {

/// Of every environment. Empty where nothing was timed, or where there is nothing to choose from.
std::vector<std::string> advice(const Comparison& comparison, const std::vector<Limit>& limits);

}  // namespace qwench::bench::report
