// What the system says of memory is plausible.
#include "engine/base/host_memory.h"

#include <doctest/doctest.h>

#include <vector>

using namespace qwench;

TEST_CASE("what is available is a part of the machine's memory") {
  CHECK(total_memory_bytes() > 0);
  CHECK(available_memory_bytes() >= 0);
  CHECK(available_memory_bytes() <= total_memory_bytes());
}

TEST_CASE("the peak resident set covers what was touched") {
  const std::vector<char> touched(16 << 20, 1);
  CHECK(touched.back() == 1);
  const int64_t peak = peak_rss_bytes();
  if (peak == 0) return;  // the system does not tell
  CHECK(peak >= static_cast<int64_t>(touched.size()));
  CHECK(peak <= total_memory_bytes());
}
