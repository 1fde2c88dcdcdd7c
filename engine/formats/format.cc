// Each format is one file; here they meet the types.
#include "engine/formats/format.h"

#include <cstring>
#include <vector>

#include "engine/base/check.h"
#include "engine/formats/q4_0.h"
#include "engine/formats/q4g.h"
#include "engine/formats/q8_0.h"

namespace qwench {

void decode_row(DType type, const void* from, int64_t n, float* to) {
  switch (type) {
    case DType::kQ8_0: return decode_q8_0(static_cast<const BlockQ8_0*>(from), n, to);
    case DType::kQ4_0: return decode_q4_0(static_cast<const BlockQ4_0*>(from), n, to);
    case DType::kQ4G: return decode_q4g(from, n, to);
    default: convert(from, type, to, DType::kF32, n);
  }
}

void encode_row(DType type, const float* from, int64_t n, const float* importance, void* to) {
  switch (type) {
    case DType::kQ8_0: return encode_q8_0(from, n, static_cast<BlockQ8_0*>(to));
    case DType::kQ4_0: return encode_q4_0(from, n, importance, static_cast<BlockQ4_0*>(to));
    case DType::kQ4G: return encode_q4g(from, n, importance, to);
    default: convert(from, DType::kF32, to, type, n);
  }
}

void convert_rows(const void* from, DType from_type, void* to, DType to_type, int64_t rows,
                  int64_t cols) {
  if (rows == 0 || cols == 0) return;  // the pointers may be null then
  const int64_t from_bytes = row_bytes(from_type, cols), to_bytes = row_bytes(to_type, cols);
  if (from_type == to_type) {
    std::memcpy(to, from, size_t(rows * to_bytes));
    return;
  }
  if (!is_quantized(from_type) && !is_quantized(to_type))
    return convert(from, from_type, to, to_type, rows * cols);
  std::vector<float> row(static_cast<size_t>(cols));
  for (int64_t r = 0; r < rows; ++r) {
    decode_row(from_type, static_cast<const char*>(from) + r * from_bytes, cols, row.data());
    encode_row(to_type, row.data(), cols, nullptr, static_cast<char*>(to) + r * to_bytes);
  }
}

}  // namespace qwench
