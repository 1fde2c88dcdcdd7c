// Rotary frequencies against the published formula, default and YaRN.
#include <doctest/doctest.h>

#include <cmath>

#include "engine/model/rope_table.h"

using namespace qwench;

TEST_CASE("default frequencies are theta^(-2j/d)") {
  RopeConfig rope;
  rope.theta = 1e6;
  const std::vector<float> f = rope_frequencies(rope, 128);
  REQUIRE(f.size() == 64);
  for (size_t j = 0; j < f.size(); ++j)
    CHECK(double(f[j]) == doctest::Approx(std::pow(1e6, -double(2 * j) / 128)).epsilon(1e-6));
}

TEST_CASE("YaRN keeps fast frequencies, divides slow ones by the factor, blends between") {
  RopeConfig rope;
  rope.type = RopeType::kYarn;
  rope.theta = 1e6;
  rope.factor = 4;
  rope.original_positions = 32768;
  const std::vector<float> f = rope_frequencies(rope, 128);
  RopeConfig plain;
  plain.theta = 1e6;
  const std::vector<float> base = rope_frequencies(plain, 128);
  CHECK(f[0] == base[0]);
  CHECK(f[63] == base[63] / 4);
  bool blended = false;
  for (size_t j = 1; j < f.size(); ++j) {
    CHECK(f[j] <= f[j - 1]);
    blended |= f[j] < base[j] && f[j] > base[j] / 4;
  }
  CHECK(blended);
}
