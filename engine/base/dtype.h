// Element types that tensors are stored in. fp16 and bf16 are storage only: arithmetic is fp32.
// Quantised types store a row of a weight matrix as blocks of 32 elements (engine/formats says what
// the bytes mean), so their size is that of a row, never that of an element.
#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace qwench {

enum class DType : uint8_t { kF32, kF16, kBF16, kI32, kQ8_0, kQ4_0, kQ4G };

constexpr bool is_quantized(DType t) { return t >= DType::kQ8_0; }

/// Elements per block of every quantised type: rows of weights are whole blocks.
constexpr int64_t kQuantBlock = 32;

/// Bytes of an element; contract: not a quantised type.
int64_t size_of(DType t);

/// Bytes of a row of n elements; contract: n is a multiple of kQuantBlock for a quantised type.
int64_t row_bytes(DType t, int64_t n);

/// "f32", "f16", "bf16", "i32", "q8_0", "q4_0", "q4g".
std::string_view name_of(DType t);

/// What weights can be in memory, and their names as "f32, f16, bf16, q8_0, q4_0 or q4g".
constexpr DType kWeightDTypes[] = {DType::kF32,  DType::kF16,  DType::kBF16,
                                   DType::kQ8_0, DType::kQ4_0, DType::kQ4G};
std::string weight_dtype_names();

/// One of kWeightDTypes by its name; UsageError that lists them otherwise.
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

/// Converts n elements between floating types (rows of quantised ones: engine/formats/format.h).
/// Source and destination must not overlap.
void convert(const void* from, DType from_type, void* to, DType to_type, int64_t n);

}  // namespace qwench
