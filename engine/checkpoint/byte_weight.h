// Matrices of one byte an element (int8, or float8 e4m3) with scales over blocks: what several
// schemes share.
#pragma once
#include <optional>
#include <string>

#include "engine/checkpoint/scale_grid.h"
#include "engine/checkpoint/weight_scheme.h"

namespace qwench {

struct ByteWeightParts {
  Part weight;  // I8 or F8_E4M3 [out, in]
  Part scale;   // floats, see ScaleGrid
  BlockShape block;
  std::optional<Part> zero;  // I8 in the shape of the grid
  float factor = 1;          // the product with the scale is multiplied by this
};

/// weight[o, i] = (value - zero) * scale * factor. Error where types and shapes do not fit each
/// other; when decoded, on a float8 that is no number.
std::unique_ptr<PackedWeight> make_byte_weight(const ByteWeightParts& parts,
                                               const std::string& stored);

/// A float8 e4m3 (1 sign, 4 exponent, 3 mantissa bits, bias 7, no infinity) as f32; 0x7f and 0xff
/// are NaN. Source: OCP 8-bit floating point specification.
float e4m3_to_f32(uint8_t bits);

}  // namespace qwench
