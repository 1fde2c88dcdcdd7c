// Element types that tensors are stored in. fp16 and bf16 are storage only: arithmetic is fp32.
#pragma once
#include <cstdint>
#include <cstring>
#include <string_view>

namespace qwench {

enum class DType : uint8_t { kF32, kF16, kBF16, kI32 };

constexpr int64_t size_of(DType t) { return t == DType::kF32 || t == DType::kI32 ? 4 : 2; }

/// "f32", "f16", "bf16", "i32".
std::string_view name_of(DType t);

/// Inverse of name_of for the floating types; UsageError that lists them otherwise.
DType parse_dtype(std::string_view name);

inline float bf16_to_f32(uint16_t h) {
  const uint32_t bits = uint32_t(h) << 16;
  float f;
  std::memcpy(&f, &bits, 4);
  return f;
}

/// Round to nearest even; NaN stays NaN (quiet).
inline uint16_t f32_to_bf16(float f) {
  uint32_t bits;
  std::memcpy(&bits, &f, 4);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return uint16_t((bits >> 16) | 0x40u);
  return uint16_t((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

float f16_to_f32(uint16_t h);

/// Round to nearest even; above 65504 becomes infinity, as IEEE 754 has it.
uint16_t f32_to_f16(float f);

/// Converts n elements between floating types. Source and destination must not overlap.
void convert(const void* from, DType from_type, void* to, DType to_type, int64_t n);

}  // namespace qwench
