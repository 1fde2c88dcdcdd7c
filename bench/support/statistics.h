// Summaries of repeated measurements. Every sample is kept; nothing is discarded as an outlier.
#pragma once
#include <array>
#include <functional>
#include <optional>
#include <random>
#include <vector>

#include "engine/base/json.h"

namespace qwench::bench {

struct Interval {
  double lo = 0, hi = 0;
};

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

double mean(const std::vector<double>& values);
/// Standard deviation of the population that the sample is drawn from (n - 1); 0 for one value.
double standard_deviation(const std::vector<double>& values);
/// Median of |x - median|.
double median_deviation(const std::vector<double>& values);

/// The median of as many values drawn with replacement: one step of a bootstrap. Contract: not empty.
double resampled_median(const std::vector<double>& values, std::mt19937_64& random);

/// 95 % percentile bootstrap of f(median of `first`, median of `last`) from a fixed seed. Nothing where
/// one of them has fewer than `least` values.
std::optional<Interval> two_sample_interval(const std::vector<double>& first,
                                            const std::vector<double>& last, size_t least,
                                            const std::function<double(double, double)>& f);

/// P(at most k of n fair coins show heads), summed in logarithms, so that ten thousand are no special
/// case.
double coins_at_most(int64_t n, int64_t k);

/// 95 % percentile bootstrap of the median from a fixed seed. Nothing for fewer than 5 values.
std::optional<Interval> median_interval(const std::vector<double>& values);

/// Samples that it takes until the largest one is above the `fraction` quantile in 95 % of all cases:
/// 29 for p90, 59 for p95, 299 for p99. With fewer a percentile is another name for the maximum.
int64_t samples_for_percentile(double fraction);
/// The percentiles of every summary.
constexpr std::array<double, 4> kPercentiles = {0.50, 0.90, 0.95, 0.99};

/// Indices of the values outside Tukey's fences, 1.5 interquartile ranges beyond the quartiles.
std::vector<size_t> outliers(const std::vector<double>& values);

/// True where the standard deviation is above a tenth of the mean.
bool unstable(const std::vector<double>& values);

/// {"n", "median", "ci95" (of the median), "mean", "std", "cv", "mad", "min", "max", "p50", "p90", "p95",
/// "p99" (null with too few samples), "samples_missing" {"p99": how many}, "outliers" (indices), "unstable",
/// "values"}.
OrderedJson to_json(const Summary& summary);

}  // namespace qwench::bench
