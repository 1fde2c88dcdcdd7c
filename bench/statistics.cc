// Median, minimum and maximum, and the sample that represents them.
#include "bench/statistics.h"

#include <algorithm>
#include <cmath>

#include "engine/check.h"

namespace qwench::bench {

double median(std::vector<double> values) {
  QWENCH_CHECK(!values.empty());
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double quantile(const std::vector<double>& sorted, double fraction) {
  QWENCH_CHECK(!sorted.empty() && fraction >= 0 && fraction <= 1);
  const double rank = double(sorted.size() - 1) * fraction;
  const auto below = size_t(rank);
  const double part = rank - double(below);
  // Nothing to add; and where both are infinite, their difference would be NaN.
  if (part == 0 || sorted[below + 1] == sorted[below]) return sorted[below];
  return sorted[below] + part * (sorted[below + 1] - sorted[below]);
}

Summary summarize(std::vector<double> values) {
  Summary s;
  s.median = median(values);
  s.min = *std::min_element(values.begin(), values.end());
  s.max = *std::max_element(values.begin(), values.end());
  s.values = std::move(values);
  return s;
}

size_t median_index(const std::vector<double>& values) {
  const double middle = median(values);
  size_t nearest = 0;
  for (size_t i = 1; i < values.size(); ++i)
    if (std::fabs(values[i] - middle) < std::fabs(values[nearest] - middle)) nearest = i;
  return nearest;
}

OrderedJson to_json(const Summary& summary) {
  return {{"median", summary.median},
          {"min", summary.min},
          {"max", summary.max},
          {"values", summary.values}};
}

}  // namespace qwench::bench
