// The packed layout of a weight matrix: panels of 32 output rows, K ascending, so that SIMD lanes
// are rows and every output is one chain of fused multiply-adds over k, in GEMV and GEMM alike.
//   f32, f16: [out / 32][in][32]
//   bf16:     [out / 32][in / 2][32][2]: both k of a pair in one 32-bit lane; f32(k) = lane << 16,
//             f32(k + 1) = lane & 0xffff0000. An odd `in` is padded with a zero column.
//   quantised: see quant_panels.h
// Rows past `out` in the last panel are zero.
#pragma once
#include <cstdint>

#include "cpu/team.h"
#include "engine/base/checked.h"
#include "engine/base/tensor.h"

namespace qwench::cpu {

constexpr int64_t kPanelRows = 32;

/// Columns held per row: `in`, made even for bf16.
inline int64_t packed_in(DType dtype, int64_t in) {
  return dtype == DType::kBF16 ? round_up(in, 2) : in;
}
inline int64_t panel_bytes(DType dtype, int64_t in) {
  if (is_quantized(dtype)) return kPanelRows * row_bytes(dtype, in);
  return kPanelRows * packed_in(dtype, in) * size_of(dtype);
}
inline int64_t packed_bytes(DType dtype, int64_t out, int64_t in) {
  return ceil_div(out, kPanelRows) * panel_bytes(dtype, in);
}
/// Index of element (row, k) within its panel, in elements; not for quantised types.
inline int64_t panel_index(DType dtype, int64_t row, int64_t k) {
  if (dtype == DType::kBF16) return (k / 2 * kPanelRows + row) * 2 + k % 2;
  return k * kPanelRows + row;
}

/// Packs w [out, in] into `to`, packed_bytes long.
void pack_panels(Team& team, const TensorView& w, void* to);

}  // namespace qwench::cpu
