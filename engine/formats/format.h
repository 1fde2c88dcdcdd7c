// The weight formats behind their DType: rows of a matrix to and from f32, whatever the type.
#pragma once
#include <cstdint>

#include "engine/base/dtype.h"

namespace qwench {

/// The type of embedding and head where the layers' matrices are `layers`: every token passes through
/// them, so 4-bit layers keep them at q8_0.
constexpr DType embedding_dtype(DType layers) {
  return layers == DType::kQ4_0 || layers == DType::kQ4G ? DType::kQ8_0 : layers;
}

/// One row of n elements as f32. Any type but i32.
void decode_row(DType type, const void* from, int64_t n, float* to);

/// One row of n f32 elements as `type`, to the nearest that the format's encoder finds.
/// importance: null, or n weights >= 0 of the squared errors (formats without a search ignore it).
void encode_row(DType type, const float* from, int64_t n, const float* importance, void* to);

/// `rows` rows of `cols` elements from one type to another. Must not overlap.
void convert_rows(const void* from, DType from_type, void* to, DType to_type, int64_t rows,
                  int64_t cols);

}  // namespace qwench
