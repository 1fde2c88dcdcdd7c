// The grids and the decoder; the search for the best encoding is in q4g_encoder.cc.
#include "engine/formats/q4g.h"

#include <cstring>

#include "engine/base/dtype.h"
#include "engine/formats/q4g_encoder.h"

namespace qwench {

const int8_t kQ4GGrid[4][16] = {
    {-32, -18, -14, -11, -8, -6, -4, -2, 0, 2, 4, 6, 8, 11, 15, 26},
    {-27, -21, -17, -13, -10, -7, -4, -1, 1, 3, 6, 9, 12, 16, 22, 32},
    {-31, -25, -20, -16, -12, -9, -6, -3, 0, 3, 6, 9, 12, 15, 19, 23},
    {-30, -24, -19, -15, -11, -8, -5, -2, 1, 4, 7, 10, 13, 17, 22, 30},
};

void encode_q4g(const float* w, int64_t n, const float* importance, void* to) {
  static const Q4GEncoder encoder(kQ4GGrid);
  encoder.encode(w, n, importance, to);
}

void decode_q4g(const void* from, int64_t n, float* to) {
  float row;
  std::memcpy(&row, from, sizeof row);
  const auto* block =
      reinterpret_cast<const BlockQ4G*>(static_cast<const char*>(from) + sizeof row);
  constexpr int64_t kHalf = kQuantBlock / 2;
  for (int64_t first = 0; first < n; first += kQuantBlock, ++block, to += kQuantBlock) {
    const float scale = row * float(q4g_scale(block->head));
    const int8_t* grid = kQ4GGrid[q4g_table(block->head)];
    for (int64_t i = 0; i < kHalf; ++i) {
      to[i] = scale * float(grid[block->qs[i] & 15]);
      to[i + kHalf] = scale * float(grid[block->qs[i] >> 4]);
    }
  }
}

}  // namespace qwench
