// The packed layout of quantised weights: panels of 32 rows = 4 groups of 8 rows, each a contiguous
// stream over K. A group is a run of chunks of 4 blocks of 32 k (the last chunk may be shorter); a
// chunk holds the integers of its blocks, then their scales: no byte more than the rows have.
//   q8_0  chunk of n: [n][8 vectors][8 rows][4 k] int8, [n][8 rows] f16: 4 blocks are 17 cache lines
//   q4_0  chunk of n: [n][4 vectors][8 rows][4 bytes], [n][8 rows] f16: 9 cache lines. Byte i of a
//         row's 16 holds k = i (low nibble) and k = i + 16 (high): vector v holds bytes 4v..4v+3.
//   q4g   [32] f32 row scales before the groups; chunk of n: [n][4 vectors][2 rows][16 bytes], [n][8
//         rows] head bytes. Vector v holds rows v and v + 4, because a table lookup (vpshufb) has one
//         table per 16 bytes and every row of a block may have another.
#pragma once
#include <cstdint>

#include "cpu/panels.h"

namespace qwench::cpu {

constexpr int64_t kGroupRows = 8;
constexpr int64_t kChunkBlocks = 4;  // of the layout; kernels may use other chunks of K

/// Bytes of the integers and of the scales of 8 rows x 32 k.
constexpr int64_t quants_bytes(DType t) { return t == DType::kQ8_0 ? 256 : 128; }
constexpr int64_t scales_bytes(DType t) { return t == DType::kQ4G ? 8 : 16; }
constexpr int64_t unit_bytes(DType t) { return quants_bytes(t) + scales_bytes(t); }

/// The f32 row scales that stand before the groups of a panel.
constexpr int64_t row_scale_bytes(DType t) { return t == DType::kQ4G ? kPanelRows * 4 : 0; }

/// Where the integers and scales of one block of 8 rows lie.
struct BlockPlace {
  int64_t quants, scales;  // bytes from the start of the group
};
inline BlockPlace block_place(DType t, int64_t n_blocks, int64_t block) {
  const int64_t first = block / kChunkBlocks * kChunkBlocks;
  const int64_t n = n_blocks - first < kChunkBlocks ? n_blocks - first : kChunkBlocks;
  const int64_t chunk = first * unit_bytes(t);
  return {chunk + (block - first) * quants_bytes(t),
          chunk + n * quants_bytes(t) + (block - first) * scales_bytes(t)};
}

/// Where a group of 8 rows starts in its panel, in bytes.
inline int64_t group_offset(DType t, int64_t n_blocks, int64_t group) {
  return row_scale_bytes(t) + group * n_blocks * unit_bytes(t);
}

/// Packs rows [first_row, first_row + 32) of w, those that exist, into a panel.
void pack_quant_panel(const TensorView& w, int64_t first_row, void* panel);

/// Row `row` (0..31) of a panel as f32 [in]: the very values of decode_row().
void decode_quant_row(DType t, const void* panel, int64_t row, int64_t in, float* to);

}  // namespace qwench::cpu
