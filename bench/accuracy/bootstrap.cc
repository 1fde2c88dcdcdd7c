// Resampling with a counter-based generator: draw i of a seed is a pure function of both.
#include "bench/accuracy/bootstrap.h"

#include <algorithm>
#include <cmath>

#include "bench/support/statistics.h"
#include "engine/base/check.h"
#include "engine/base/splitmix64.h"

namespace qwench::bench {
namespace {

/// Uniform in [0, n), n < 2^31: the high half of a product, biased by less than n / 2^32.
size_t draw_below(size_t n, uint64_t& state) {
  return size_t(((next_splitmix64(state) >> 32) * uint64_t(n)) >> 32);
}

double ratio_of(double sum, int64_t count) { return sum / double(count); }

}  // namespace

std::optional<BootstrapInterval> bootstrap_ratio(const std::vector<ClusterSum>& clusters,
                                                 const BootstrapOptions& options) {
  QWENCH_CHECK(options.resamples >= 2 && options.confidence > 0 && options.confidence < 1);
  std::vector<ClusterSum> used;
  ClusterSum all;
  for (const ClusterSum& c : clusters) {
    if (c.count == 0) continue;
    used.push_back(c);
    all.sum += c.sum;
    all.count += c.count;
  }
  if (used.size() < 2) return std::nullopt;
  QWENCH_CHECK(used.size() < size_t(1) << 31);
  uint64_t state = options.seed;
  std::vector<double> ratios(size_t(options.resamples));
  for (double& ratio : ratios) {
    ClusterSum drawn;
    for (size_t i = 0; i < used.size(); ++i) {
      const ClusterSum& c = used[draw_below(used.size(), state)];
      drawn.sum += c.sum;
      drawn.count += c.count;
    }
    ratio = ratio_of(drawn.sum, drawn.count);
  }
  BootstrapInterval out;
  out.se = standard_deviation(ratios);
  std::sort(ratios.begin(), ratios.end());
  const double outside = (1 - options.confidence) / 2;
  out.estimate = ratio_of(all.sum, all.count);
  out.lo = quantile(ratios, outside);
  out.hi = quantile(ratios, 1 - outside);
  out.clusters = int64_t(used.size());
  out.resamples = options.resamples;
  out.seed = options.seed;
  return out;
}

}  // namespace qwench::bench
