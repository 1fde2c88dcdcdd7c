// The search behind encode_q4g, also in the parts that error feedback needs: a row's scale first,
// then block after block, then each index given what rounding the ones before has left over.
#pragma once
#include <cstdint>

#include "engine/formats/q4g.h"

namespace qwench {

/// One grid, inverted. Its values are integers within +-32, so the nearest of them to v changes only
/// where 2 * v is an integer: one entry for each half step from -32.
struct Q4GLookup {
  float nearest_value[128];
  uint8_t nearest_index[128];
  float lowest, highest;
};

/// Encodes with any four ascending grids of integers within +-32 that have both signs. Immutable.
class Q4GEncoder {
 public:
  explicit Q4GEncoder(const int8_t (&grids)[4][16]);

  /// A whole row, as encode_q4g says.
  void encode(const float* w, int64_t n, const float* importance, void* to) const;

  /// The scale that encode() gives to a row: finite and > 0, 0 for a row of zeros, NaN for one that
  /// is not finite.
  float row_scale(const float* w, int64_t n, const float* importance) const;

  /// The best block of 32 finite weights in a row with this scale (finite and >= 0).
  /// importance: null, or 32 finite weights >= 0 of the squared errors.
  BlockQ4G encode_block(const float* w, const float* importance, float row) const;

  /// The index whose value is nearest to w in a block with this head.
  int nearest(float w, float row, uint8_t head) const;

 private:
  Q4GLookup grids_[4];
};

}  // namespace qwench
