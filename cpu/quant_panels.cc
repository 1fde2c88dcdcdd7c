// Packing moves runs of 4 bytes; the row scale of q4g is the only thing that leaves its block.
#include "cpu/quant_panels.h"

#include <algorithm>
#include <cstring>

#include "engine/formats/format.h"

namespace qwench::cpu {

namespace {

constexpr int64_t kPiece = 4;  // bytes that stay together

/// The plain layout: bytes of a row before its blocks, of a block, and of a block before its
/// integers.
struct PlainBlock {
  int64_t row_head, bytes, scale;
};
PlainBlock plain_block(DType t) {
  if (t == DType::kQ8_0) return {0, 34, 2};
  if (t == DType::kQ4_0) return {0, 18, 2};
  return {4, 17, 1};
}

/// Where piece `piece` of a row lies among the integers of 8 rows x 32 k.
int64_t piece_offset(DType t, int64_t row, int64_t piece) {
  if (t == DType::kQ4G) return row % 4 * 32 + row / 4 * 16 + piece * kPiece;
  return (piece * kGroupRows + row) * kPiece;
}

/// Calls move(packed, plain, bytes) for every run of bytes of one block of one row of a group.
template <class Byte, class Plain, class F>
void for_each_run(DType t, const BlockPlace& place, int64_t row, Byte* group, Plain* block,
                  F&& move) {
  const int64_t scale = plain_block(t).scale;
  move(group + place.scales + row * scale, block, scale);
  for (int64_t piece = 0; piece < quants_bytes(t) / kGroupRows / kPiece; ++piece)
    move(group + place.quants + piece_offset(t, row, piece), block + scale + piece * kPiece,
         kPiece);
}

}  // namespace

void pack_quant_panel(const TensorView& w, int64_t first_row, void* panel) {
  const DType t = w.dtype;
  const PlainBlock plain = plain_block(t);
  const int64_t n_blocks = w.cols() / kQuantBlock,
                rows = std::min(kPanelRows, w.rows() - first_row);
  char* to = static_cast<char*>(panel);
  if (rows < kPanelRows) std::memset(to, 0, size_t(panel_bytes(t, w.cols())));
  for (int64_t row = 0; row < rows; ++row) {
    const char* from = w.as<const char>() + (first_row + row) * row_bytes(t, w.cols());
    char* group = to + group_offset(t, n_blocks, row / kGroupRows);
    std::memcpy(to + row * plain.row_head, from, size_t(plain.row_head));
    for (int64_t b = 0; b < n_blocks; ++b)
      for_each_run(t, block_place(t, n_blocks, b), row % kGroupRows, group,
                   from + plain.row_head + b * plain.bytes,
                   [](char* packed, const char* block, int64_t bytes) {
                     std::memcpy(packed, block, size_t(bytes));
                   });
  }
}

void decode_quant_row(DType t, const void* panel, int64_t row, int64_t in, float* to) {
  const PlainBlock plain = plain_block(t);
  const int64_t n_blocks = in / kQuantBlock;
  const char* from = static_cast<const char*>(panel);
  const char* group = from + group_offset(t, n_blocks, row / kGroupRows);
  alignas(4) char block[40];  // a row of one block
  std::memcpy(block, from + row * plain.row_head, size_t(plain.row_head));
  for (int64_t b = 0; b < n_blocks; ++b, to += kQuantBlock) {
    for_each_run(t, block_place(t, n_blocks, b), row % kGroupRows, group, block + plain.row_head,
                 [](const char* packed, char* at, int64_t bytes) {
                   std::memcpy(at, packed, size_t(bytes));
                 });
    decode_row(t, block, kQuantBlock, to);
  }
}

}  // namespace qwench::cpu
