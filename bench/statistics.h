// Summaries of repeated measurements. Every sample is kept; nothing is discarded as an outlier.
#pragma once
#include <vector>

#include "engine/json.h"

namespace qwench::bench {

struct Summary {
  double median = 0, min = 0, max = 0;
  std::vector<double> values;  // in the order they were measured
};

/// Middle value, or the mean of the two middle ones. `values` must not be empty.
double median(std::vector<double> values);

/// Linear interpolation between the closest ranks, h = (n - 1) * fraction, as NumPy does by
/// default. Contract: at least one value, none NaN; 0 <= fraction <= 1. `sorted` ascends.
double quantile(const std::vector<double>& sorted, double fraction);

/// Contract: at least one value.
Summary summarize(std::vector<double> values);

/// Index of the sample nearest to the median: the run whose details stand for all. The earlier one
/// of two that are equally near.
size_t median_index(const std::vector<double>& values);

/// {"median", "min", "max", "values"}.
OrderedJson to_json(const Summary& summary);

}  // namespace qwench::bench
