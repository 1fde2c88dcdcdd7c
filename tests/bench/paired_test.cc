// Verdicts of paired rounds: the interval is the textbook one, and where nothing differs nothing is
// found more often than promised.
#include "bench/comparison/paired.h"

#include <doctest/doctest.h>

#include <cmath>
#include <random>

using namespace qwench::bench;

namespace {

/// n rounds of exp(normal(mean, sigma)).
std::vector<double> rounds(int n, double mean, double sigma, std::mt19937_64& random) {
  std::normal_distribution<double> normal(mean, sigma);
  std::vector<double> ratios(static_cast<size_t>(n));
  for (double& r : ratios) r = std::exp(normal(random));
  return ratios;
}

}  // namespace

TEST_CASE("the sign interval takes the ranks of the binomial table") {
  const auto ranks = [](int n, double confidence) {
    std::vector<double> values;
    for (int i = n; i >= 1; --i) values.push_back(i);
    const std::optional<Interval> interval = sign_interval(values, confidence);
    return interval ? interval->lo : 0;
  };
  CHECK(ranks(5, 0.95) == 0);  // 1 - 2 / 2^5 = 93.75 %
  CHECK(ranks(6, 0.95) == 1);
  CHECK(ranks(11, 0.95) == 2);   // 98.8 %
  CHECK(ranks(20, 0.95) == 6);   // 95.9 %
  CHECK(ranks(52, 0.95) == 19);  // 96.4 %
  CHECK(ranks(1000, 0.95) == 469);
  CHECK(least_values(0.95) == 6);
  CHECK(least_values(0.99) == 8);
  const std::optional<Interval> interval = sign_interval({5, 1, 4, 2, 3, 6}, 0.95);
  REQUIRE(interval);
  CHECK(interval->lo == 1);
  CHECK(interval->hi == 6);
}

TEST_CASE("equal arms are separated no more often than alpha says") {
  std::mt19937_64 random(1);
  constexpr int kTrials = 4000;
  int separated = 0;
  for (int i = 0; i < kTrials; ++i)
    separated +=
        compare_paired(rounds(40, 0, 0.02, random), rounds(40, 0, 0.02, random), {}).verdict !=
        Verdict::kNotSeparated;
  CHECK(separated <= kTrials / 100);
}

TEST_CASE("a difference above the noise is found, with its direction") {
  std::mt19937_64 random(2);
  const auto verdict = [&](double mean) {
    return compare_paired(rounds(100, mean, 0.02, random), rounds(100, 0, 0.02, random), {})
        .verdict;
  };
  int slower = 0, faster = 0;
  for (int i = 0; i < 200; ++i) {
    slower += verdict(-std::log(1.03)) == Verdict::kWorse;
    faster += verdict(std::log(1.03)) == Verdict::kBetter;
  }
  CHECK(slower == 200);
  CHECK(faster == 200);
}

TEST_CASE("a difference within the margin, or within what the control shows, is no verdict") {
  std::mt19937_64 random(3);
  const std::vector<double> ratios = rounds(100, 0.01, 0.001, random);
  const std::vector<double> quiet = rounds(100, 0, 0.001, random);
  CHECK(compare_paired(ratios, quiet, {}).verdict == Verdict::kBetter);
  PairedRule rule;
  rule.margin = 0.02;
  CHECK(compare_paired(ratios, quiet, rule).verdict == Verdict::kNotSeparated);
  const Paired biased = compare_paired(ratios, rounds(100, 0.03, 0.001, random), {});
  CHECK(biased.verdict == Verdict::kNotSeparated);
  CHECK(biased.noise_floor == doctest::Approx(0.0305).epsilon(0.05));
}

TEST_CASE("too few rounds are no verdict and say how many it takes") {
  const std::vector<double> three = {1.5, 1.6, 1.7};
  const Paired p = compare_paired(three, three, {});
  CHECK(p.verdict == Verdict::kNotSeparated);
  CHECK(!p.ci95);
  REQUIRE(p.runs_needed);
  CHECK(*p.runs_needed == least_values(0.99));
}

TEST_CASE("the rounds needed are about those that a difference takes") {
  std::mt19937_64 random(4);
  const std::vector<double> control = rounds(30, 0, 0.05, random);
  const Paired p = compare_paired(rounds(30, 0.01, 0.05, random), control, {});
  REQUIRE(p.verdict == Verdict::kNotSeparated);
  if (p.runs_needed) CHECK(*p.runs_needed > 30);
  const Paired none = compare_paired(std::vector<double>(30, 1.0), control, {});
  CHECK(!none.runs_needed);
  CHECK(to_json(none)["runs_needed"].is_null());
}
