// See byte_weight.h. A table of 256 values makes int8 and float8 one case.
#include "engine/checkpoint/byte_weight.h"

#include <array>
#include <cmath>

namespace qwench {
namespace {

using ByteTable = std::array<float, 256>;

ByteTable table_for(const std::string& dtype) {
  ByteTable table;
  for (int i = 0; i < 256; ++i)
    table[size_t(i)] = dtype == "I8" ? float(int8_t(i)) : e4m3_to_f32(uint8_t(i));
  return table;
}

class ByteWeight : public PackedWeight {
 public:
  ByteWeight(const ByteWeightParts& parts, const std::string& stored)
      : PackedWeight(parts.weight.shape()[0], parts.weight.shape()[1], stored),
        parts_(parts),
        scales_(parts.scale, rows(), cols(), parts.block),
        table_(table_for(parts.weight.dtype())) {
    if (!parts.zero) return;
    parts.zero->expect_dtype({"I8"});
    parts.zero->expect_shape({scales_.grid_rows(), scales_.grid_cols()});
  }

  void decode(int64_t first, int64_t n, float* to) const override {
    const int64_t step = rows_at_once(cols());
    for (int64_t r = first; r < first + n; r += step) {
      const int64_t n_rows = std::min(step, first + n - r);
      decode_some(r, n_rows, to + (r - first) * cols());
    }
  }

 private:
  void decode_some(int64_t first, int64_t n, float* to) const {
    const std::vector<uint8_t> bytes = parts_.weight.read_bytes(first * cols(), n * cols());
    const GridRows scales = scales_.read(first, n), zeros = read_zeros(scales);
    const uint8_t* from = bytes.data();
    for (int64_t r = first; r < first + n; ++r) {
      const float *scale = scales.row(r), *zero = zeros.row(r);
      for (int64_t c = 0; c < cols(); c += parts_.block.cols, ++scale, ++zero) {
        const int64_t end = std::min(cols(), c + parts_.block.cols);
        for (int64_t i = c; i < end; ++i)
          *to++ = (table_[*from++] - *zero) * *scale * parts_.factor;
      }
      const float* done = to - cols();
      for (int64_t c = 0; c < cols(); ++c)
        if (std::isnan(done[c]))
          parts_.weight.refuse("expected numbers, got NaN at [{}, {}]", r, c);
    }
  }

  /// In the shape of `scales`; zeros where there is no such tensor.
  GridRows read_zeros(const GridRows& scales) const {
    GridRows out = scales;
    if (!parts_.zero) {
      std::fill(out.values.begin(), out.values.end(), 0.0f);
      return out;
    }
    const std::vector<uint8_t> stored = parts_.zero->read_bytes(
        scales.first_grid_row * scales.grid_cols, int64_t(scales.values.size()));
    for (size_t i = 0; i < stored.size(); ++i) out.values[i] = float(int8_t(stored[i]));
    return out;
  }

  ByteWeightParts parts_;
  ScaleGrid scales_;
  ByteTable table_;
};

}  // namespace

float e4m3_to_f32(uint8_t bits) {
  const int exponent = bits >> 3 & 15, mantissa = bits & 7;
  float value = exponent == 0 ? std::ldexp(float(mantissa), -9)
                              : std::ldexp(float(8 + mantissa), exponent - 10);
  if (exponent == 15 && mantissa == 7) value = NAN;
  return bits & 0x80 ? -value : value;
}

std::unique_ptr<PackedWeight> make_byte_weight(const ByteWeightParts& parts,
                                               const std::string& stored) {
  parts.weight.expect_dtype({"I8", "F8_E4M3"});
  parts.weight.expect_matrix();
  return std::make_unique<ByteWeight>(parts, stored);
}

}  // namespace qwench
