// What every weight format promises: its size, its error on two distributions, its extremes.
#include "engine/formats/format.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "engine/formats/q4_0.h"
#include "engine/formats/q8_0.h"
#include "tests/engine/formats/sample_weights.h"

using namespace qwench;
using namespace qwench::test;

namespace {

constexpr int64_t kCols = 1024, kRows = 64;
constexpr DType kFormats[] = {DType::kQ8_0, DType::kQ4_0, DType::kQ4G};

/// Error in percent on rows of 1024 weights, without and with uniform importance (which makes q4_0
/// search for its scale). What is outside a band is another format, better or worse.
struct Band {
  DType type;
  bool importance;
  Tails tails;
  double low, high;
};
constexpr Band kBands[] = {
    {DType::kQ8_0, false, Tails::kGauss, 0.52, 0.55},
    {DType::kQ8_0, false, Tails::kStudent5, 0.65, 0.71},
    {DType::kQ4_0, false, Tails::kGauss, 8.5, 8.7},
    {DType::kQ4_0, false, Tails::kStudent5, 10.5, 11.1},
    {DType::kQ4_0, true, Tails::kGauss, 7.9, 8.15},
    {DType::kQ4_0, true, Tails::kStudent5, 10.0, 10.5},
    {DType::kQ4G, false, Tails::kGauss, 6.8, 6.95},
    {DType::kQ4G, false, Tails::kStudent5, 7.3, 7.7},
    {DType::kQ4G, true, Tails::kGauss, 6.8, 6.95},
    {DType::kQ4G, true, Tails::kStudent5, 7.3, 7.7},
};

std::vector<float> with_sign(std::vector<float> weights, float sign) {
  for (float& w : weights) w *= sign;
  return weights;
}

bool all_finite(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

}  // namespace

TEST_CASE("the error of each format is in its band, for a row and for its negative") {
  for (const Band& band : kBands) {
    const std::vector<float> uniform(kCols, 3.0f);
    const float* importance = band.importance ? uniform.data() : nullptr;
    for (float sign : {1.0f, -1.0f}) {
      const auto weights = with_sign(sample_weights(band.tails, kRows * kCols, 5, 0.02), sign);
      const double error =
          error_percent(weights, round_trip(band.type, weights, kCols, importance));
      const std::string what = std::string(name_of(band.type)) +
                               (band.tails == Tails::kGauss ? " gaussian" : " student-t5") +
                               (band.importance ? " with importance" : "");
      CAPTURE(what);
      if (sign > 0) MESSAGE(what << ": " << error << " %");
      CHECK(error > band.low);
      CHECK(error < band.high);
    }
  }
}

TEST_CASE("a byte in the wrong place takes every format out of its band") {
  const auto weights = sample_weights(Tails::kGauss, kCols, 5);
  for (DType type : kFormats) {
    CAPTURE(name_of(type));
    std::vector<char> encoded(size_t(row_bytes(type, kCols)));
    encode_row(type, weights.data(), kCols, nullptr, encoded.data());
    const auto first = encoded.begin() + (type == DType::kQ4G ? 5 : 2);
    std::rotate(first, first + 1, first + 16);
    std::vector<float> decoded(kCols);
    decode_row(type, encoded.data(), kCols, decoded.data());
    CHECK(error_percent(weights, decoded) > 12);
  }
}

TEST_CASE("a row of n weights takes exactly the bits a weight that its format promises") {
  for (int64_t n : {32, 64, 896, 1024, 4864}) {
    CHECK(row_bytes(DType::kQ8_0, n) * 8 == n * 17 / 2);
    CHECK(row_bytes(DType::kQ4_0, n) * 8 == n * 9 / 2);
    CHECK(row_bytes(DType::kQ4G, n) * 8 == n * 17 / 4 + 32);
    for (DType type : kFormats) {
      const auto size = size_t(row_bytes(type, n));
      std::vector<char> once(size + 1, 'x'), twice(size + 1, 'y');  // the byte after stays as it is
      const auto weights = sample_weights(Tails::kGauss, n, 1);
      encode_row(type, weights.data(), n, nullptr, once.data());
      encode_row(type, weights.data(), n, nullptr, twice.data());
      CHECK(std::memcmp(once.data(), twice.data(), size) == 0);
      CHECK(once[size] == 'x');
      CHECK(twice[size] == 'y');
    }
  }
}

TEST_CASE("weights on the grid of q8_0 and q4_0 come back bit for bit, and so do their bytes") {
  Normal normal(9);
  for (int trial = 0; trial < 200; ++trial) {
    const uint16_t d = f32_to_f16(float(std::exp(3 * normal()) * (trial % 2 ? 1 : -1)));
    BlockQ8_0 q8, q8_again;
    BlockQ4_0 q4, q4_again;
    q8.d = d & 0x7fff;
    q4.d = d;
    for (int8_t& q : q8.q) q = int8_t(int(normal.bits() % 255) - 127);
    for (uint8_t& q : q4.qs) q = uint8_t(normal.bits());
    q8.q[trial % 32] = trial % 3 ? 127 : -127;  // the extreme decides the scale
    q4.qs[trial % 16] &= 0x0f;                  // -8
    float w8[32], w4[32];
    decode_q8_0(&q8, 32, w8);
    decode_q4_0(&q4, 32, w4);
    encode_q8_0(w8, 32, &q8_again);
    CHECK(std::memcmp(&q8, &q8_again, sizeof q8) == 0);
    const std::vector<float> importance = sample_importance(32, uint64_t(trial));
    for (const float* weighted : {static_cast<const float*>(nullptr), importance.data()}) {
      encode_q4_0(w4, 32, weighted, &q4_again);
      CHECK(std::memcmp(&q4, &q4_again, sizeof q4) == 0);
    }
  }
}

TEST_CASE("zero decodes to zero, and a zero block beside others too") {
  for (DType type : kFormats) {
    CAPTURE(name_of(type));
    for (float w : round_trip(type, std::vector<float>(64, -0.0f), 64)) CHECK(w == 0);
    auto weights = sample_weights(Tails::kGauss, 96, 2);
    std::fill(weights.begin() + 32, weights.begin() + 64, 0.0f);
    const auto decoded = round_trip(type, weights, 96);
    for (int i = 32; i < 64; ++i) CHECK(decoded[size_t(i)] == 0);
    CHECK(error_percent(weights, decoded) < 12);
  }
}

TEST_CASE("tiny, huge and lonely weights stay finite and keep their size") {
  const auto importance = sample_importance(kCols, 4);
  for (const float* weighted : {static_cast<const float*>(nullptr), importance.data()}) {
    for (DType type : kFormats) {
      CAPTURE(name_of(type));
      for (double scale : {1e-45, 1e-41, 1e-38, 1e-30, 1e-12, 1e-6, 1e3}) {
        const auto weights = sample_weights(Tails::kStudent5, kCols, 3, scale);
        const auto decoded = round_trip(type, weights, kCols, weighted);
        REQUIRE(all_finite(decoded));
        if (scale >= (type == DType::kQ4G ? 1e-30 : 1e-3)) {  // f16 scales end earlier
          CHECK(error_percent(weights, decoded) < 20);
        }
      }
      std::vector<float> lonely(kCols, 0.0f);
      lonely[77] = -1234.5f;
      const auto decoded = round_trip(type, lonely, kCols, weighted);
      CHECK(decoded[77] == doctest::Approx(-1234.5).epsilon(0.001));
      CHECK(error_percent(lonely, decoded) < 0.1);
      const auto all_same = round_trip(type, std::vector<float>(kCols, 0.3f), kCols, weighted);
      for (float w : all_same) CHECK(w == doctest::Approx(0.3).epsilon(0.005));
    }
  }
}

TEST_CASE("q4g holds rows up to the largest float, where an f16 scale is infinite") {
  auto weights = sample_weights(Tails::kGauss, kCols, 3, 5e37);
  CHECK(error_percent(weights, round_trip(DType::kQ4G, weights, kCols)) < 8);
  for (size_t i = 0; i < weights.size(); ++i) weights[i] = i % 3 ? FLT_MAX : -FLT_MAX;
  const auto decoded = round_trip(DType::kQ4G, weights, kCols);
  CHECK(all_finite(decoded));
  CHECK(error_percent(weights, decoded) < 30);
  const std::vector<float> beyond(32, 1e30f);
  CHECK_FALSE(all_finite(round_trip(DType::kQ4_0, beyond, 32)));
  CHECK_FALSE(all_finite(round_trip(DType::kQ8_0, beyond, 32)));
}

TEST_CASE("a weight that is not finite is not hidden") {
  for (DType type : kFormats) {
    CAPTURE(name_of(type));
    for (float bad :
         {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
      auto weights = sample_weights(Tails::kGauss, 64, 2);
      weights[40] = bad;
      CHECK(std::isnan(round_trip(type, weights, 64)[40]));
      CHECK(std::isnan(round_trip(type, weights, 64, sample_importance(64, 1).data())[40]));
    }
  }
}

TEST_CASE("importance lowers the error that it weighs") {
  const auto importance = sample_importance(kCols, 8);
  for (DType type : {DType::kQ4_0, DType::kQ4G}) {
    for (Tails tails : {Tails::kGauss, Tails::kStudent5}) {
      const auto weights = sample_weights(tails, kRows * kCols, 6);
      const auto plain = round_trip(type, weights, kCols);
      const auto weighted = round_trip(type, weights, kCols, importance.data());
      const double before = error_percent(weights, plain, kCols, importance.data());
      const double after = error_percent(weights, weighted, kCols, importance.data());
      MESSAGE(name_of(type) << ": " << before << " % to " << after << " %");
      CHECK(after < 0.86 * before);
      CHECK(error_percent(weights, weighted) > error_percent(weights, plain));
    }
  }
}

TEST_CASE("importance never makes a block of q4_0 worse, and zeros of it say nothing") {
  const auto weights = sample_weights(Tails::kStudent5, 32 * 500, 7);
  auto importance = sample_importance(32, 3);
  importance[3] = importance[17] = 0;
  for (size_t first = 0; first < weights.size(); first += 32) {
    const std::vector<float> block(weights.begin() + long(first),
                                   weights.begin() + long(first) + 32);
    const auto plain = round_trip(DType::kQ4_0, block, 32);
    const auto weighted = round_trip(DType::kQ4_0, block, 32, importance.data());
    CHECK(error_percent(block, weighted, 32, importance.data()) <=
          error_percent(block, plain, 32, importance.data()));
  }
  const std::vector<float> none(32, 0.0f);
  for (DType type : kFormats)
    CHECK(round_trip(type, weights, 32, none.data()) == round_trip(type, weights, 32));
}
