// KL and its companions against values computed by hand and by the plain formula in long double;
// percentiles and the bootstrap against what they are defined to be.
#include "bench/accuracy/divergence.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <random>

#include "bench/support/output.h"
#include "engine/base/check.h"

using namespace qwench;
using namespace qwench::bench;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

struct Naive {
  long double kl = 0, nll_reference = 0, nll_candidate = 0;
};

/// sum p (ln p - ln q) as in a textbook, in long double.
Naive naive(const std::vector<float>& a, const std::vector<float>& b, size_t next) {
  const auto log_sum = [](const std::vector<float>& row) {
    long double max = -INFINITY, sum = 0;
    for (const float v : row) max = std::max(max, (long double)(v));
    for (const float v : row) sum += std::exp((long double)(v)-max);
    return max + std::log(sum);
  };
  const long double from = log_sum(a), to = log_sum(b);
  Naive out;
  for (size_t i = 0; i < a.size(); ++i) {
    const long double log_p = a[i] - from, p = std::exp(log_p);
    if (p > 0) out.kl += p * (log_p - (b[i] - to));
  }
  out.nll_reference = from - a[next];
  out.nll_candidate = to - b[next];
  return out;
}

std::vector<float> random_row(size_t n, uint64_t seed, float deviation) {
  std::mt19937_64 random(seed);
  std::normal_distribution<float> normal(0, deviation);
  std::vector<float> row(n);
  for (float& v : row) v = normal(random);
  return row;
}

std::vector<float> plus_noise(std::vector<float> row, uint64_t seed, float deviation) {
  const std::vector<float> noise = random_row(row.size(), seed, deviation);
  for (size_t i = 0; i < row.size(); ++i) row[i] += noise[i];
  return row;
}

PositionDivergence compare(const std::vector<float>& a, const std::vector<float>& b,
                           int32_t next = kNoNext) {
  return compare_rows(a.data(), b.data(), int64_t(a.size()), next);
}

}  // namespace

TEST_CASE("KL of distributions that are known by hand") {
  // p = (1/2, 1/2), q = (1/4, 3/4): KL = ln 2 - ln 3 / 2
  const float log3 = std::log(3.0f);
  const PositionDivergence d = compare({0, 0}, {0, log3}, 0);
  CHECK(d.kl == doctest::Approx(std::log(2.0) - std::log(3.0) / 2).epsilon(1e-7));
  CHECK(d.nll_reference == doctest::Approx(std::log(2.0)));
  CHECK(d.nll_candidate == doctest::Approx(std::log(4.0)));
  CHECK(d.delta_p == doctest::Approx(-0.25));
  CHECK_FALSE(d.same_top1);  // the first of two equal tops is token 0, the candidate's is 1
  // the other direction is another number: q against p is 3/4 ln 3 - ln 2
  CHECK(compare({0, log3}, {0, 0}).kl ==
        doctest::Approx(0.75 * std::log(3.0) - std::log(2.0)).epsilon(1e-7));
  CHECK(compare({7}, {-3}, 0).kl == 0);  // a single token is certain
}

TEST_CASE("equal rows have no divergence at all, and a shift of all logits changes nothing") {
  for (const size_t n : {1, 2, 255, 256, 257, 1000, 151936}) {
    const std::vector<float> row = random_row(n, n, 4);
    const PositionDivergence d = compare(row, row, 0);
    CHECK(d.kl == 0);
    CHECK(d.delta_p == 0);
    CHECK(d.nll_reference == d.nll_candidate);
    CHECK(d.same_top1);
  }
  for (const float shift : {-1e4f, 100.0f, 1e4f}) {
    const PositionDivergence d = compare({1, 2, 3}, {shift + 1, shift + 2, shift + 3}, 1);
    CHECK(d.kl >= 0);
    CHECK(d.kl < 1e-22);
    CHECK(d.nll_candidate == doctest::Approx(d.nll_reference).epsilon(1e-11));
  }
}

TEST_CASE("KL, nll and delta p equal the plain formula in long double") {
  for (const size_t n : {2, 7, 256, 331, 4096, 151936})
    for (const float noise : {3.0f, 0.3f, 0.01f}) {
      CAPTURE(n);
      CAPTURE(noise);
      const std::vector<float> a = random_row(n, n, 3), b = plus_noise(a, n + 1, noise);
      const PositionDivergence d = compare(a, b, int32_t(n / 2));
      const Naive expected = naive(a, b, n / 2);
      CHECK(std::fabs(d.kl - double(expected.kl)) <= 1e-11 * double(expected.kl) + 1e-17);
      CHECK(d.nll_reference == doctest::Approx(double(expected.nll_reference)).epsilon(1e-13));
      CHECK(d.nll_candidate == doctest::Approx(double(expected.nll_candidate)).epsilon(1e-13));
      CHECK(d.delta_p == doctest::Approx(double(std::exp(-expected.nll_candidate) -
                                                std::exp(-expected.nll_reference))));
    }
}

TEST_CASE("a tiny KL keeps its digits: halving the difference quarters it") {
  // The last bit of one logit: the plain formula in double is left with noise of 1e-17 here.
  std::vector<float> a(1000, 0.0f), b = a, c = a;
  b[17] = 2e-6f;
  c[17] = 1e-6f;
  const double twice = compare(a, b).kl, once = compare(a, c).kl;
  CHECK(twice ==
        doctest::Approx(0.5 * 4e-12 * 0.001 * 0.999).epsilon(1e-5));  // Var(difference) / 2
  CHECK(twice / once == doctest::Approx(4).epsilon(1e-5));
}

TEST_CASE("extreme logits: nothing overflows, and the figures stay right") {
  std::vector<float> a = random_row(5000, 5, 1e4f), b = random_row(5000, 6, 1e4f);
  const PositionDivergence far = compare(a, b, 3);
  const Naive expected = naive(a, b, 3);
  CHECK(far.kl == doctest::Approx(double(expected.kl)).epsilon(1e-12));
  CHECK(far.nll_candidate == doctest::Approx(double(expected.nll_candidate)).epsilon(1e-12));
  a.assign(300, -1e4f);
  b = a;
  a[7] = b[8] = 1e4f;
  CHECK(compare(a, b).kl == doctest::Approx(2e4));
  CHECK(compare(a, a).kl == 0);
  const float most = std::numeric_limits<float>::max();
  CHECK(std::isfinite(compare({most, -most, 0}, {-most, most, 0}, 1).kl));
}

TEST_CASE("both formulas agree where one hands over to the other") {
  for (const float span : {590.0f, 599.0f, 601.0f, 640.0f}) {
    CAPTURE(span);
    const std::vector<float> a = random_row(400, 1, 2);
    std::vector<float> b = a;
    b[5] -= span;
    b[9] += 0.5f;
    CHECK(compare(a, b, 5).kl == doctest::Approx(double(naive(a, b, 5).kl)).epsilon(1e-11));
  }
}

TEST_CASE("-inf is a token that cannot occur") {
  CHECK(compare({0, -kInf, 0}, {0, -kInf, 0}).kl == 0);
  CHECK(compare({0, -kInf}, {0, 0}).kl == doctest::Approx(std::log(2.0)));
  CHECK(compare({0, 0}, {0, -kInf}, 1).kl == kInf);
  CHECK(compare({0, 0}, {0, -kInf}, 1).nll_candidate == kInf);
  CHECK(compare({-kInf, 1}, {-kInf, 2}, 1).nll_candidate == 0);
}

TEST_CASE("NaN, +inf and rows of -inf are refused") {
  const auto refused = [](std::vector<float> bad, const char* words) {
    const std::vector<float> good(bad.size(), 0.0f);
    CHECK_THROWS_WITH_AS(compare(bad, good), doctest::Contains(words), Error);
    CHECK_THROWS_WITH_AS(compare(good, bad), doctest::Contains(words), Error);
  };
  for (const size_t at : {0, 8, 18}) {  // in a lane, in the next eight, in the rest
    std::vector<float> row(19, 1.0f);
    row[at] = std::nanf("");
    refused(row, fmt::format("got nan for token {}", at).c_str());
    row[at] = kInf;
    refused(row, "got inf");
  }
  refused({-kInf, -kInf}, "at least one finite number");
}

TEST_CASE("the top token is the first index of the largest logit") {
  CHECK(compare({1, 5, 5, 0}, {0, 9, 9, 9}).same_top1);
  CHECK_FALSE(compare({1, 5, 5, 0}, {0, 8, 9, 9}).same_top1);
  const std::vector<float> row = {3, 7, 7};
  CHECK(argmax(row.data(), 3) == 1);
}

TEST_CASE("e^x - 1 - x is right from 1e-9 to 700") {
  for (long double x = 1e-9L; x < 700; x *= 1.01L)
    for (const long double v : {x, -x}) {
      long double series = 0, term = v * v / 2;
      for (int k = 3; k < 40; ++k) {
        series += term;
        term *= v / k;
      }
      const long double expected = std::fabs(v) < 1 ? series : std::expm1(v) - v;
      CHECK(std::fabs(exp_minus_1_minus(double(v)) / double(expected) - 1) < 2e-13);
    }
  CHECK(exp_minus_1_minus(0) == 0);
}

TEST_CASE("ln sum e^x of rows of every length; of nothing it is -inf") {
  for (const size_t n : {1, 3, 8, 256, 257}) {
    const std::vector<float> row(n, 2.5f);
    CHECK(log_sum_exp(row.data(), int64_t(n)) ==
          doctest::Approx(2.5 + std::log(double(n))).epsilon(1e-14));
  }
  CHECK(log_sum_exp(nullptr, 0) == -kInf);
}

TEST_CASE("percentiles interpolate between ranks and say what they rest on") {
  const std::vector<double> ten = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  CHECK(percentile(ten, 0.5).value == doctest::Approx(4.5));  // numpy.percentile(ten, 50)
  CHECK(percentile(ten, 0.9).value == doctest::Approx(8.1));
  CHECK(percentile(ten, 0.9).beyond == 1);
  CHECK(percentile(ten, 0).value == 0);
  CHECK(percentile(ten, 1).value == 9);
  CHECK(percentile({3}, 0.99).value == 3);
  CHECK_FALSE(percentile(std::vector<double>(28, 1), 0.9).supported);
  CHECK(percentile(std::vector<double>(29, 1), 0.9).supported);
  CHECK_FALSE(percentile(std::vector<double>(298, 1), 0.99).supported);
  CHECK(percentile(std::vector<double>(299, 1), 0.99).supported);
  const double inf = std::numeric_limits<double>::infinity();
  CHECK(percentile({0, inf, inf}, 0.75).value == inf);
  CHECK(percentile({0, 1, inf}, 0.75).value == inf);
}

TEST_CASE("a summary adds up what was added") {
  Divergence all(2);
  const float even[] = {0, 0}, uneven[] = {0, std::log(3.0f)};
  all.add(even, even, 0, 10);
  all.add(even, uneven, 0, 10);    // ln 2 -> ln 4, p 1/2 -> 1/4
  all.add(uneven, uneven, 1, 20);  // ln 4/3
  all.add(even, uneven, kNoNext, 20);
  const DivergenceSummary s = all.summary();
  const double kl = std::log(2.0) - std::log(3.0) / 2;
  CHECK(s.count == 4);
  CHECK(s.scored == 3);
  CHECK(s.mean_kl == doctest::Approx(kl / 2).epsilon(1e-7));
  CHECK(s.median_kl == doctest::Approx(kl / 2).epsilon(1e-7));
  CHECK(s.max_kl == doctest::Approx(kl).epsilon(1e-7));
  CHECK(s.top1 == doctest::Approx(0.5));
  CHECK(s.mean_delta_p == doctest::Approx(-0.25 / 3));
  CHECK(s.rms_delta_p == doctest::Approx(0.25 / std::sqrt(3.0)));
  CHECK(s.ln_ppl_ratio == doctest::Approx(std::log(2.0) / 3));
  CHECK(s.reference_perplexity == doctest::Approx(std::pow(2.0 * 2 * 4 / 3, 1.0 / 3)));
  CHECK(s.perplexity / s.reference_perplexity == doctest::Approx(std::exp(s.ln_ppl_ratio)));
  REQUIRE(all.documents().size() == 2);
  CHECK(all.documents()[0].sum == doctest::Approx(std::log(2.0)));
  CHECK(all.documents()[0].count == 2);
  CHECK(all.documents()[1].count == 1);
  REQUIRE(s.ln_ppl_interval);
  CHECK(s.ln_ppl_interval->estimate == doctest::Approx(s.ln_ppl_ratio));
}

TEST_CASE("an infinite KL is null in JSON and leaves the median alone") {
  Divergence all(2);
  const float even[] = {0, 0}, masked[] = {0, -kInf};
  for (int i = 0; i < 3; ++i) all.add(even, i == 1 ? masked : even, 1, i);
  const DivergenceSummary s = all.summary();
  CHECK(s.median_kl == 0);
  CHECK(s.perplexity == kInf);
  CHECK_FALSE(s.ln_ppl_interval);
  CHECK(s.p99.beyond == 1);
  CHECK(finite_or_null(s.mean_kl).is_null());
  CHECK(finite_or_null(s.max_kl).is_null());
  CHECK(finite_or_null(s.median_kl) == 0.0);
}

TEST_CASE("one document is too few for a bootstrap; empty ones do not count") {
  CHECK_FALSE(bootstrap_ratio({}));
  CHECK_FALSE(bootstrap_ratio({{1.0, 5}}));
  CHECK_FALSE(bootstrap_ratio({{1.0, 5}, {0, 0}}));
  CHECK(bootstrap_ratio({{1.0, 5}, {0, 0}, {2.0, 5}})->clusters == 2);
}

TEST_CASE("a bootstrap is the same bits every time, and its seed matters") {
  const std::vector<ClusterSum> clusters = {{1, 10}, {2, 10}, {4, 10}, {3, 30}};
  BootstrapOptions options;
  const BootstrapInterval a = *bootstrap_ratio(clusters, options);
  CHECK(a.se == bootstrap_ratio(clusters, options)->se);
  options.seed = 2;
  CHECK(a.se != bootstrap_ratio(clusters, options)->se);
  CHECK(a.estimate == doctest::Approx(10.0 / 60));
  CHECK(a.lo < a.estimate);
  CHECK(a.estimate < a.hi);
  CHECK(a.lo >= 3.0 / 30);
  CHECK(a.hi <= 4.0 / 10);
  // equal clusters: nothing varies
  CHECK(bootstrap_ratio({{2, 10}, {2, 10}, {2, 10}})->se < 1e-12);
}

TEST_CASE("95 % intervals hold the truth about 95 times in 100, though tokens are correlated") {
  // Documents of 20 tokens that share an offset: per-token intervals would be 4 times too narrow.
  std::mt19937_64 random(3);
  std::normal_distribution<double> normal(0, 1);
  BootstrapOptions options;
  options.resamples = 500;
  int held = 0, narrow = 0;
  constexpr int kRuns = 400;
  for (int run = 0; run < kRuns; ++run) {
    std::vector<ClusterSum> clusters;
    for (int i = 0; i < 60; ++i) {
      const double offset = normal(random);
      ClusterSum c{0, 20};
      for (int t = 0; t < 20; ++t) c.sum += 0.5 + offset + 0.3 * normal(random);
      clusters.push_back(c);
    }
    const BootstrapInterval b = *bootstrap_ratio(clusters, options);
    held += b.lo <= 0.5 && 0.5 <= b.hi;
    narrow += b.se < 0.06 || b.se > 0.2;  // true standard error: 1 / sqrt(60) = 0.13
  }
  CHECK(held >= int(0.90 * kRuns));  // 8 documents fewer than 95 %: four standard errors
  CHECK(held <= int(0.985 * kRuns));
  CHECK(narrow == 0);
}
