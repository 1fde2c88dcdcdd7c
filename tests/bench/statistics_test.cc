// Summaries: the middle of what was measured, and the run that stands for all.
#include "bench/statistics.h"

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

TEST_CASE("a summary in JSON has the four fields that scripts read") {
  const qwench::OrderedJson json = to_json(summarize({2, 4}));
  CHECK(json["median"] == 3.0);
  CHECK(json["min"] == 2.0);
  CHECK(json["max"] == 4.0);
  CHECK(json["values"].size() == 2);
}
