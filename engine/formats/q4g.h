// q4g: 32 weights as indices into one of four trained grids of 16 integers within +-32, with a 6-bit
// signed scale per block and one f32 scale per row: w = row * scale * grid[table][index]. 4.25 bits a
// weight. Integers this small let kernels add exact 16-bit sums.
// A row: f32 scale, then per block a byte (table in bits 0-1, scale -32..31 in bits 2-7) and 16 bytes
// of indices; byte i holds index i in its low and index i + 16 in its high nibble.
// Errors, speed and the training of the grids: README.md beside this file.
#pragma once
#include <cstdint>

namespace qwench {

struct BlockQ4G {
  uint8_t head;    // table | scale << 2
  uint8_t qs[16];  // nibbles
};
static_assert(sizeof(BlockQ4G) == 17 && alignof(BlockQ4G) == 1);

/// Ascending; made by models/train/q4g_grids.cc.
extern const int8_t kQ4GGrid[4][16];

inline int q4g_table(uint8_t head) { return head & 3; }
inline int q4g_scale(uint8_t head) { return int8_t(head) >> 2; }
inline uint8_t q4g_head(int table, int scale) { return uint8_t(table | scale * 4); }

/// n weights of a whole row (a multiple of 32) to its bytes (row_bytes(DType::kQ4G, n), of any
/// alignment), the same for the same input everywhere.
/// importance: null, or n finite weights >= 0 of the squared errors.
/// A row with a weight that is not finite gets the row scale NaN. Rows below 1e-35 lose precision, and
/// weights beyond 2.5e38 are cut to that.
void encode_q4g(const float* w, int64_t n, const float* importance, void* to);

/// The bytes of a row, of any alignment, to n weights (a multiple of 32).
void decode_q4g(const void* from, int64_t n, float* to);

}  // namespace qwench
