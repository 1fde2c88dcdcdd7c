// Tables and charts that follow from the measurements of all results together.
#pragma once
#include "bench/report/comparison.h"

namespace qwench::bench::report {

/// Every measurement: mean, std, min, max, median, runs, interval, and whether it is stable.
Section metrics_section(const std::vector<Measurement>& measurements);
/// The same, as CSV and JSON name them.
constexpr size_t kMetricMode = 0, kMetricName = 1, kMetricUnit = 2, kMetricKind = 3,
                 kMetricMean = 4, kMetricStd = 5, kMetricMin = 6, kMetricMax = 7, kMetricMedian = 8,
                 kMetricRuns = 9;

/// Throughputs of configurations by case and environment in order, fastest first, each against the
/// first mode that was read.
Section throughput_section(const Collected& all);

/// What two results have both measured, second against first; without rows unless there are two.
Section speedup_section(const Collected& all);

/// Measurements that scatter by more than a tenth of their mean, and what that usually comes from.
Section variance_section(const std::vector<Measurement>& measurements);

/// Speed over batch size, depth, threads and tokens, where a result has several of one; the best batch.
Section batch_section(const std::vector<SweepPoint>& sweep);
Chart sweep_chart(const std::vector<SweepPoint>& sweep);

/// Throughput by group and latency as min, median and max.
Chart benchmark_chart(const std::vector<Measurement>& measurements);
Chart memory_chart(const Section& memory);

std::vector<Headline> headlines(const Collected& all);

}  // namespace qwench::bench::report
