// Cluster bootstrap: the uncertainty of a mean over tokens when the tokens of one document are
// correlated. Documents are drawn with replacement, never tokens.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

namespace qwench::bench {

/// One document: the sum of a quantity over its tokens, and how many tokens that are. For a paired
/// comparison the quantity is the difference of the two configurations on the same token.
struct ClusterSum {
  double sum = 0;
  int64_t count = 0;
};

struct BootstrapOptions {
  int64_t resamples = 10'000;
  uint64_t seed = 1;
  double confidence = 0.95;
};

/// Of sum(sums) / sum(counts), in the unit of the sums.
struct BootstrapInterval {
  double estimate = 0;    // of the clusters as they are
  double lo = 0, hi = 0;  // percentile interval of the resamples
  double se = 0;          // standard deviation of the resamples
  int64_t clusters = 0, resamples = 0;
  uint64_t seed = 0;
};

/// Draws as many clusters as there are, `resamples` times, and reads the interval off the quantiles
/// of the ratios (Efron 1979; percentile interval). Nothing when fewer than two clusters hold a
/// token: then there is no variation between documents to learn from. Clusters without tokens are
/// left out. The same bits on every platform: the generator is our own and only +, *, / and sqrt
/// are used. Contract: resamples >= 2, 0 < confidence < 1, sums finite.
std::optional<BootstrapInterval> bootstrap_ratio(const std::vector<ClusterSum>& clusters,
                                                 const BootstrapOptions& options = {});

}  // namespace qwench::bench
