// Repeated measurements of one quantity, as result files hold them.
#pragma once
#include <optional>
#include <vector>

#include "bench/report/field.h"
#include "bench/support/statistics.h"

namespace qwench::bench::report {

struct Sampled {
  int64_t n = 0;
  double median = 0, mean = 0, std = 0, min = 0, max = 0;
  std::optional<Interval> ci95;    // of the median
  std::optional<double> p95, p99;  // none with too few samples for them
  bool unstable = false;
  std::vector<double> values;  // may be empty: a file need not keep them
};

/// A summary as statistics.h writes it; Error on one that contradicts itself.
Sampled read_sampled(const Field& summary);
/// Contract: at least one value.
Sampled sampled(std::vector<double> values);
Sampled scaled(Sampled samples, double factor);

/// True where the 95 % intervals of the medians do not meet; false where one is not known.
bool apart(const Sampled& a, const Sampled& b);

/// object[key], an interval as [lower, upper]; nothing where it is null or missing.
std::optional<Interval> find_interval(const Field& object, std::string_view key);

}  // namespace qwench::bench::report
