// Summaries: the middle of what was measured, and the run that stands for all.
#include "bench/support/statistics.h"

#include <doctest/doctest.h>

using namespace qwench::bench;

TEST_CASE("the median is the middle value, or the mean of the two middle ones") {
  CHECK(median({7}) == 7);
  CHECK(median({3, 1, 2}) == 2);
  CHECK(median({4, 1, 3, 2}) == 2.5);
}

TEST_CASE("a summary keeps every value in the order it was measured") {
  const Summary s = summarize({3, 1, 100});
  CHECK(s.median == 3);
  CHECK(s.min == 1);
  CHECK(s.max == 100);
  CHECK(s.values == std::vector<double>{3, 1, 100});
}

TEST_CASE("the run nearest to the median stands for all, the earlier of two equals") {
  CHECK(median_index({5, 9, 7}) == 2);
  CHECK(median_index({1, 2}) == 0);
  CHECK(median_index({10, 2, 4, 3}) == 2);
}

TEST_CASE("mean, deviations and outliers are those of the textbook") {
  const std::vector<double> values = {2, 4, 4, 4, 5, 5, 7, 9};
  CHECK(mean(values) == 5);
  CHECK(standard_deviation(values) == doctest::Approx(2.13809).epsilon(1e-5));
  CHECK(standard_deviation({3}) == 0);
  CHECK(median_deviation({1, 1, 2, 2, 4, 6, 9}) == 1);
  CHECK(outliers({10, 11, 12, 11, 10, 50, 11, 12}) == std::vector<size_t>{5});
  CHECK(outliers({1, 2, 3}).empty());
  CHECK(unstable({100, 130, 70}));
  CHECK(!unstable({100, 101, 99}));
}

TEST_CASE("a percentile needs the samples that a quantile bound needs") {
  CHECK(samples_for_percentile(0.50) == 5);
  CHECK(samples_for_percentile(0.90) == 29);
  CHECK(samples_for_percentile(0.95) == 59);
  CHECK(samples_for_percentile(0.99) == 299);
}

TEST_CASE("the interval of a median holds it, and is not given for a handful") {
  CHECK(!median_interval({1, 2, 3, 4}));
  std::vector<double> values;
  for (int i = 0; i < 100; ++i) values.push_back(i);
  const auto interval = median_interval(values);
  REQUIRE(interval);
  // The order statistics of the sign test are 40 and 61 of 100.
  CHECK(interval->lo == doctest::Approx(39).epsilon(0.1));
  CHECK(interval->hi == doctest::Approx(60).epsilon(0.1));
}

TEST_CASE("a summary in JSON says what it knows and how many samples the rest would take") {
  const qwench::OrderedJson json = to_json(summarize({2, 4}));
  CHECK(json["n"] == 2);
  CHECK(json["median"] == 3.0);
  CHECK(json["mean"] == 3.0);
  CHECK(json["min"] == 2.0);
  CHECK(json["max"] == 4.0);
  CHECK(json["ci95"].is_null());
  CHECK(json["p99"].is_null());
  CHECK(json["samples_missing"]["p99"] == 297);
  CHECK(json["unstable"] == true);
  CHECK(json["values"].size() == 2);
  const qwench::OrderedJson long_one = to_json(summarize(std::vector<double>(300, 1.0)));
  CHECK(long_one["p99"] == 1.0);
  CHECK(long_one["samples_missing"].empty());
}
