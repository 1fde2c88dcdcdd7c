// Blocks of packed weights as int8, 8 rows x 4 k a vector, ordered by k: what every GEMM reads. Only
// files built for AVX2 and newer sets include this.
#pragma once
#include "cpu/int8_avx2.h"
#include "cpu/quant_panels.h"
#include "cpu/quant_rows.h"
#include "engine/formats/q4g.h"

namespace qwench::cpu {
namespace {  // one copy per file: never merged with code built for another ISA

constexpr int kPanelGroups = kPanelRows / kGroupRows;
constexpr int kBlockVectors = 8;  // of a block of 8 rows x 32 k

inline void block_weights_q8_0(const char* quants, __m256i (&w)[kBlockVectors]) {
  for (int v = 0; v < kBlockVectors; ++v) w[v] = load(quants + 32 * v);
}

inline void block_weights_q4_0(const char* quants, __m256i (&w)[kBlockVectors]) {
  for (int v = 0; v < 4; ++v) {
    const __m256i both = load(quants + 32 * v);
    w[v] = _mm256_sub_epi8(low_nibbles(both), _mm256_set1_epi8(8));
    w[v + 4] = _mm256_sub_epi8(high_nibbles(both), _mm256_set1_epi8(8));
  }
}

/// 4 x 4 units of 32 bits transposed within each half: in, vector p holds 16 k of rows p and p + 4;
/// out, vector j holds k = 4j .. 4j + 3 of rows 0..7.
inline void transpose(const __m256i (&in)[4], __m256i* out) {
  const __m256i a = _mm256_unpacklo_epi32(in[0], in[1]), b = _mm256_unpackhi_epi32(in[0], in[1]);
  const __m256i c = _mm256_unpacklo_epi32(in[2], in[3]), d = _mm256_unpackhi_epi32(in[2], in[3]);
  out[0] = _mm256_unpacklo_epi64(a, c), out[1] = _mm256_unpackhi_epi64(a, c);
  out[2] = _mm256_unpacklo_epi64(b, d), out[3] = _mm256_unpackhi_epi64(b, d);
}

inline void block_weights_q4g(const char* quants, const char* heads, __m256i (&w)[kBlockVectors]) {
  __m256i low[4], high[4];
  for (int p = 0; p < 4; ++p) {
    const auto values = [&](int row) {
      return _mm_loadu_si128(reinterpret_cast<const __m128i*>(kQ4GGrid[heads[row] & 3]));
    };
    const __m256i table =
        _mm256_inserti128_si256(_mm256_castsi128_si256(values(p)), values(p + 4), 1);
    const __m256i both = load(quants + 32 * p);
    low[p] = _mm256_shuffle_epi8(table, low_nibbles(both));
    high[p] = _mm256_shuffle_epi8(table, high_nibbles(both));
  }
  transpose(low, w), transpose(high, w + 4);
}

/// The weights of one block of 8 rows, and their scales as f32.
template <DType kType>
QWENCH_INLINE inline __m256 block_weights(const char* quants, const char* scales,
                                          const float* row_scales, __m256i (&w)[kBlockVectors]) {
  if constexpr (kType == DType::kQ8_0) block_weights_q8_0(quants, w);
  if constexpr (kType == DType::kQ4_0) block_weights_q4_0(quants, w);
  if constexpr (kType == DType::kQ4G) {
    block_weights_q4g(quants, scales, w);
    return q4g_scales(scales, _mm256_loadu_ps(row_scales));
  }
  return f16_scales(scales);
}

/// Packed weights to ask for while others are multiplied, block by block. Asked for while unpacking,
/// they would come in a burst and be waited for.
struct Ahead {
  const char* first;  // or null
  int64_t unit;       // bytes a block

  QWENCH_INLINE void prefetch(int64_t block) const {
    if (!first) return;
    for (int64_t i = 0; i < unit; i += 64) _mm_prefetch(first + block * unit + i, _MM_HINT_T0);
  }
};

/// The piece that is unpacked after `chunk`, of this panel or of the one behind it: pass p over the
/// unpacked piece asks for group p's part.
struct NextPiece {
  const char* first;
  int64_t group_stride, unit;

  NextPiece(DType t, const char* panel, const QuantRows& rows, int64_t chunk)
      : group_stride(rows.n_blocks * unit_bytes(t)), unit(unit_bytes(t)) {
    const int64_t block = (chunk + 1) * rows.chunk_blocks;
    const char* of_panel =
        block < rows.n_blocks ? panel : panel + panel_bytes(t, rows.n_blocks * kQuantBlock);
    first = of_panel + row_scale_bytes(t) + (block < rows.n_blocks ? block * unit : 0);
  }
  Ahead part_of(int64_t pass) const {
    return {pass < kPanelGroups ? first + pass * group_stride : nullptr, unit};
  }
};

/// Calls f(block, group, weights, scales) for the blocks [first, first + n) of all groups of a panel,
/// group after group.
template <DType kType, class F>
QWENCH_INLINE inline void for_each_block(const char* panel, int64_t n_blocks, int64_t first,
                                         int64_t n, F&& f) {
  const float* row_scales = reinterpret_cast<const float*>(panel);  // where the type has any
  for (int g = 0; g < kPanelGroups; ++g, row_scales += kGroupRows) {
    const char* group = panel + group_offset(kType, n_blocks, g);
    for (int64_t b = 0; b < n; ++b) {
      const BlockPlace place = block_place(kType, n_blocks, first + b);
      const char *quants = group + place.quants, *scales = group + place.scales;
      __m256i w[kBlockVectors];
      const __m256 block_scales = block_weights<kType>(quants, scales, row_scales, w);
      f(b, g, w, block_scales);
    }
  }
}

}  // namespace
}  // namespace qwench::cpu
