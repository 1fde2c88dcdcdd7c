// Rows of activations as int8 in blocks of 32 with a scale of their own per (row, block), so that no
// row's numbers depend on another row: x ~ scale * a, |a| <= 127 (63 where a kernel asks for 7 bits).
// Held in the form and order that the kernel reads: chunks of K, in each all rows, in a row the integers, then scales, then sums.
#pragma once
#include <cstdint>

#include "cpu/team.h"
#include "engine/base/tensor.h"

namespace qwench::cpu {

enum class RowForm : uint8_t {
  kInt8Sums,  // a as int8; after the scales int32 -zero_point * (sum of a)
  kUint8,     // a + 128 as uint8
  kUint7,     // a + 64 as uint8, |a| <= 63
  kInt16,     // a as int16
};
constexpr int64_t integer_bytes(RowForm f) { return f == RowForm::kInt16 ? 2 : 1; }
/// Bytes of a block of 32 with its scale (and sum).
constexpr int64_t block_bytes(RowForm f) {
  return kQuantBlock * integer_bytes(f) + (f == RowForm::kInt8Sums ? 8 : 4);
}

struct QuantRows {
  RowForm form = RowForm::kInt8Sums;
  int64_t n_rows = 0, n_blocks = 0;
  int64_t chunk_blocks = 0;  // 32-blocks per chunk; the last chunk may be shorter
  int zero_point = 0;        // kInt8Sums: what the kernel adds to every weight
  int limit = 127;           // of |a|
  bool padded = false;       // the last chunk has the room of a whole one: every stride is the same
  char* data = nullptr;

  int64_t blocks_of(int64_t chunk) const {
    const int64_t left = n_blocks - chunk * chunk_blocks;
    return left < chunk_blocks ? left : chunk_blocks;
  }
  /// Blocks that a row's part of a chunk has room for: the integers of so many, then their scales.
  int64_t room_of(int64_t chunk) const { return padded ? chunk_blocks : blocks_of(chunk); }
  /// Bytes of one row's part of a chunk: the distance to the next row.
  int64_t stride(int64_t chunk) const { return room_of(chunk) * block_bytes(form); }
  char* at(int64_t chunk, int64_t row) const {
    return data + chunk * chunk_blocks * n_rows * block_bytes(form) + row * stride(chunk);
  }
};

/// Fills `to.data` from to.n_rows rows of x, 32 * to.n_blocks floats each: scale = max|x| / limit, a =
/// x * (limit / max|x|) rounded to nearest even. A block with NaN or Inf gets the scale NaN, so that
/// every product with it is NaN; one whose max|x| is below 2^-119 counts as zero.
void quantize_rows_avx2(Team& team, const float* x, const QuantRows& to);
/// The same of one row, on this thread.
void quantize_row_avx2(const float* x, const QuantRows& to, int64_t row);

}  // namespace qwench::cpu
