// Conversions of element types against an independent computation: every half, every rounding edge.
#include "engine/base/dtype.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "engine/base/check.h"

using namespace qwench;

namespace {

/// The value of a binary format with `fraction` mantissa bits, straight from IEEE 754's definition.
double value_of(uint16_t h, int fraction, int bias) {
  const int exponent_bits = 15 - fraction;
  const int exponent = (h >> fraction) & ((1 << exponent_bits) - 1);
  const int mantissa = h & ((1 << fraction) - 1);
  const double sign = h & 0x8000 ? -1 : 1;
  if (exponent == (1 << exponent_bits) - 1)
    return mantissa ? std::nan("") : sign * std::numeric_limits<double>::infinity();
  if (exponent == 0) return sign * std::ldexp(double(mantissa), 1 - bias - fraction);
  return sign * std::ldexp(1.0 + std::ldexp(double(mantissa), -fraction), exponent - bias);
}

/// Round to nearest even by comparing with every neighbour: halfway goes to the even pattern.
template <class ToFloat>
uint16_t nearest(float f, ToFloat value, uint16_t infinity) {
  const uint16_t sign = std::signbit(f) ? 0x8000 : 0;
  uint32_t low = 0, high = infinity;  // patterns of magnitudes are ordered as the magnitudes
  const double magnitude = std::fabs(double(f));
  while (high - low > 1) {
    const uint32_t middle = (low + high) / 2;
    (value(uint16_t(middle)) <= magnitude ? low : high) = middle;
  }
  const double below = value(uint16_t(low));
  // infinity stands for the next value that the format would have
  const double above =
      high == infinity ? 2 * below - value(uint16_t(low - 1)) : value(uint16_t(high));
  const double middle = (below + above) / 2;
  const bool up = magnitude > middle || (magnitude == middle && low % 2 == 1);
  return uint16_t(sign | (up ? high : low));
}

double f16_value(uint16_t h) { return value_of(h, 10, 15); }
double bf16_value(uint16_t h) { return value_of(h, 7, 127); }

}  // namespace

TEST_CASE("every half converts to its value and back to itself") {
  for (uint32_t h = 0; h < 65536; ++h) {
    const auto bits = uint16_t(h);
    const double f16 = f16_value(bits), bf16 = bf16_value(bits);
    const float from_f16 = f16_to_f32(bits), from_bf16 = bf16_to_f32(bits);
    if (std::isnan(f16)) {
      REQUIRE(std::isnan(from_f16));
      REQUIRE(std::isnan(f16_value(f32_to_f16(from_f16))));
    } else {
      REQUIRE(double(from_f16) == f16);
      REQUIRE(std::signbit(from_f16) == std::signbit(f16));
      REQUIRE(f32_to_f16(from_f16) == bits);
    }
    if (std::isnan(bf16)) {
      REQUIRE(std::isnan(from_bf16));
      REQUIRE(std::isnan(bf16_value(f32_to_bf16(from_bf16))));
    } else {
      REQUIRE(double(from_bf16) == bf16);
      REQUIRE(f32_to_bf16(from_bf16) == bits);
    }
  }
}

TEST_CASE("rounding is to nearest even at, above and below every midpoint") {
  for (uint32_t h = 0; h < 0x7c00; ++h) {
    const float low = f16_to_f32(uint16_t(h));
    const double next = h == 0x7bff ? 65536.0 : f16_value(uint16_t(h + 1));
    const float middle = float((double(low) + next) / 2);  // exact: one more bit than a half has
    for (const float f : {middle, std::nextafter(middle, 0.0f), std::nextafter(middle, 1e30f)}) {
      REQUIRE(f32_to_f16(f) == nearest(f, f16_value, 0x7c00));
      REQUIRE(f32_to_f16(-f) == nearest(-f, f16_value, 0x7c00));
    }
  }
  for (uint32_t h = 1; h < 0x7f80; ++h) {
    uint32_t bits = h << 16 | 0x8000u;
    for (const uint32_t near : {bits - 1, bits, bits + 1}) {
      float f;
      std::memcpy(&f, &near, 4);
      REQUIRE(f32_to_bf16(f) == nearest(f, bf16_value, 0x7f80));
    }
  }
  const float infinity = std::numeric_limits<float>::infinity();
  CHECK(f32_to_f16(infinity) == 0x7c00);
  CHECK(f32_to_f16(-infinity) == 0xfc00);
  CHECK(f32_to_f16(1e30f) == 0x7c00);
  CHECK(f32_to_bf16(infinity) == 0x7f80);
}

TEST_CASE("convert goes between all floating types") {
  const std::vector<float> values = {0, 1, -2.5f, 0.125f, 1024};
  for (const DType a : {DType::kF32, DType::kF16, DType::kBF16})
    for (const DType b : {DType::kF32, DType::kF16, DType::kBF16}) {
      std::vector<float> first(5), second(5), back(5);
      convert(values.data(), DType::kF32, first.data(), a, 5);
      convert(first.data(), a, second.data(), b, 5);
      convert(second.data(), b, back.data(), DType::kF32, 5);
      CHECK(back == values);
    }
}

TEST_CASE("names of types go both ways, unknown ones are a UsageError") {
  for (const DType t : {DType::kF32, DType::kF16, DType::kBF16})
    CHECK(parse_dtype(name_of(t)) == t);
  CHECK_THROWS_WITH_AS((void)parse_dtype("fp8"),
                       doctest::Contains("f32, f16, bf16, q8_0, q4_0 or q4g"), UsageError);
}
