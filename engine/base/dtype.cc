// Names and conversions of element types.
#include "engine/base/dtype.h"

#include <cmath>
#include <iterator>

#include "engine/base/check.h"

namespace qwench {

std::string_view name_of(DType t) {
  switch (t) {
    case DType::kF32: return "f32";
    case DType::kF16: return "f16";
    case DType::kBF16: return "bf16";
    case DType::kI32: return "i32";
    case DType::kQ8_0: return "q8_0";
    case DType::kQ4_0: return "q4_0";
    case DType::kQ4G: return "q4g";
  }
  return "?";
}

int64_t size_of(DType t) {
  QWENCH_CHECK(!is_quantized(t));
  return t == DType::kF32 || t == DType::kI32 ? 4 : 2;
}

int64_t row_bytes(DType t, int64_t n) {
  if (!is_quantized(t)) return n * size_of(t);
  QWENCH_CHECK(n % kQuantBlock == 0);
  const int64_t blocks = n / kQuantBlock;
  if (t == DType::kQ8_0) return blocks * 34;  // f16 scale, 32 x int8
  if (t == DType::kQ4_0) return blocks * 18;  // f16 scale, 32 x int4
  return 4 + blocks * 17;                     // q4g: f32 of the row; per block a byte, 32 x int4
}

std::string weight_dtype_names() {
  std::string names;
  for (const DType& t : kWeightDTypes) {
    if (!names.empty()) names += &t == std::end(kWeightDTypes) - 1 ? " or " : ", ";
    names += name_of(t);
  }
  return names;
}

DType parse_dtype(std::string_view name) {
  for (DType t : kWeightDTypes)
    if (name == name_of(t)) return t;
  fail_usage("dtype: expected {}, got '{}'", weight_dtype_names(), name);
}

float f16_to_f32(uint16_t h) {
  const uint32_t sign = uint32_t(h & 0x8000u) << 16;
  const uint32_t exponent = (h >> 10) & 0x1fu;
  const uint32_t mantissa = h & 0x3ffu;
  if (exponent == 0) {  // zero and subnormals: mantissa * 2^-24
    const float magnitude = std::ldexp(float(mantissa), -24);
    return sign ? -magnitude : magnitude;
  }
  const uint32_t bits =
      sign | (exponent == 31 ? 0x7f800000u : (exponent + 112) << 23) | (mantissa << 13);
  float f;
  std::memcpy(&f, &bits, 4);
  return f;
}

uint16_t f32_to_f16(float f) {
  uint32_t bits;
  std::memcpy(&bits, &f, 4);
  const uint32_t sign = (bits >> 16) & 0x8000u;
  const uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return uint16_t(sign | 0x7e00u);   // NaN
  if (magnitude >= 0x477ff000u) return uint16_t(sign | 0x7c00u);  // rounds past 65504
  if (magnitude < 0x38800000u) {                                  // subnormal: units of 2^-24
    float value;
    std::memcpy(&value, &magnitude, 4);
    return uint16_t(sign | uint32_t(std::nearbyint(std::ldexp(value, 24))));
  }
  const uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u);
  return uint16_t(sign | ((rounded - 0x38000000u) >> 13));
}

namespace {
float load(const void* from, DType t, int64_t i) {
  switch (t) {
    case DType::kF32: return static_cast<const float*>(from)[i];
    case DType::kF16: return f16_to_f32(static_cast<const uint16_t*>(from)[i]);
    case DType::kBF16: return bf16_to_f32(static_cast<const uint16_t*>(from)[i]);
    default: break;
  }
  QWENCH_CHECK(false && "conversion of an integer or quantised type");
  return 0;
}
}  // namespace

void convert(const void* from, DType from_type, void* to, DType to_type, int64_t n) {
  if (from_type == to_type) {
    if (n == 0) return;  // the pointers may be null, which memcpy forbids
    std::memcpy(to, from, size_t(n * size_of(to_type)));
    return;
  }
  for (int64_t i = 0; i < n; ++i) {
    const float value = load(from, from_type, i);
    switch (to_type) {
      case DType::kF32: static_cast<float*>(to)[i] = value; break;
      case DType::kF16: static_cast<uint16_t*>(to)[i] = f32_to_f16(value); break;
      case DType::kBF16: static_cast<uint16_t*>(to)[i] = f32_to_bf16(value); break;
      default: QWENCH_CHECK(false && "conversion to an integer or quantised type");
    }
  }
}

}  // namespace qwench
