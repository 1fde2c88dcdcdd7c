// Many rows of activations by AVX-512 VNNI: a piece of a panel is unpacked once to unsigned bytes
// (about 20 KB, stays in L1) and meets six rows of activations at a time: 2 x 6 accumulators of 16
// output rows, 12 vpdpbusd for 8 loads. What was added to the weights is taken off by the rows' sums.
// The sums wait in L2 between pieces, so every output sees the chain of the GEMV.
#include <algorithm>

#include "cpu/int8_avx512.h"

namespace qwench::cpu {

namespace {

constexpr int64_t kBlocks = 16;
constexpr int kVectors = kPanelRows / 16, kRowsAtOnce = 6;

/// Unsigned bytes, 16 rows x 4 k a vector, ordered as they are read.
struct Piece {
  uint8_t weights[kBlocks][kBlockVectors][4 * kPanelRows];
  float scales[kBlocks][kPanelRows];
};
static_assert(sizeof(Piece) <= kUnpackedBytes, "too small");

/// Blocks [first, first + n) of a panel into a piece.
template <DType kType>
void unpack(const char* panel, int64_t n_blocks, int64_t first, int64_t n, int zero_point,
            Piece& to) {
  const __m256i zero = _mm256_set1_epi8(char(zero_point));
  for_each_block<kType>(panel, n_blocks, first, n,
                        [&](int64_t b, int g, const __m256i(&w)[kBlockVectors], __m256 scales)
                            QWENCH_INLINE {
                              for (int j = 0; j < kBlockVectors; ++j)
                                store(to.weights[b][j] + 32 * g, _mm256_add_epi8(w[j], zero));
                              _mm256_storeu_ps(to.scales[b] + 8 * g, scales);
                            });
}

/// Rows of activations with room for a whole piece: their places are constants from one pointer.
struct PieceRows {
  static constexpr int64_t kStride = kBlocks * block_bytes(RowForm::kInt8Sums);
  const char* data;

  const char* integers(int row, int64_t block) const {
    return data + row * kStride + block * kQuantBlock;
  }
  const char* scale(int row, int64_t block) const {
    return data + row * kStride + kBlocks * kQuantBlock + block * 4;
  }
  const char* correction(int row, int64_t block) const { return scale(row, block) + kBlocks * 4; }
};

/// sums[row][32] += kRows rows of activations x n blocks of a piece: vpdpbusd adds 4 products of a
/// lane, exact in 32 bits.
template <int kRows>
__attribute__((noinline)) void tile(const Piece& piece, const PieceRows x, int64_t n,
                                    const Ahead ahead, float* sums) {
  __m512 f[kVectors][kRows];
  unroll<kRows>([&](auto r) QWENCH_INLINE {
    unroll<kVectors>(
        [&](auto v) QWENCH_INLINE { f[v][r] = _mm512_loadu_ps(sums + r * kPanelRows + 16 * v); });
  });
  for (int64_t b = 0; b < n; ++b) {
    __m512i dot[kVectors][kRows];
    unroll<kRows>([&](auto r) QWENCH_INLINE {
      unroll<kVectors>([&](auto v)
                           QWENCH_INLINE { dot[v][r] = broadcast4_512(x.correction(r, b)); });
    });
    unroll<kBlockVectors>([&](auto j) QWENCH_INLINE {
      __m512i w[kVectors];
      unroll<kVectors>([&](auto v) QWENCH_INLINE { w[v] = load512(piece.weights[b][j] + 64 * v); });
      unroll<kRows>([&](auto r) QWENCH_INLINE {
        const __m512i a = broadcast4_512(x.integers(r, b) + 4 * j);
        unroll<kVectors>(
            [&](auto v) QWENCH_INLINE { dot[v][r] = _mm512_dpbusd_epi32(dot[v][r], w[v], a); });
      });
    });
    ahead.prefetch(b);
    unroll<kVectors>([&](auto v) QWENCH_INLINE {
      const __m512 scales = _mm512_loadu_ps(piece.scales[b] + 16 * v);
      unroll<kRows>([&](auto r)
                        QWENCH_INLINE { accumulate512(x, r, b, scales, dot[v][r], f[v][r]); });
    });
  }
  unroll<kRows>([&](auto r) QWENCH_INLINE {
    unroll<kVectors>(
        [&](auto v) QWENCH_INLINE { _mm512_storeu_ps(sums + r * kPanelRows + 16 * v, f[v][r]); });
  });
}

void tile_rows(int64_t rows, const Piece& piece, PieceRows x, int64_t n, Ahead ahead, float* sums) {
  with_count<kRowsAtOnce>(rows, [&](auto count) { tile<count>(piece, x, n, ahead, sums); });
}

/// One row against q4_0 and q8_0 is bound by memory, and one stream of it is faster than the two of a
/// pair of groups.
bool uses_avx2(DType t, int64_t n_rows) { return n_rows == 1 && t != DType::kQ4G; }

}  // namespace

QuantRows quant_rows_avx512vnni(DType t, int64_t n_rows, int64_t n_blocks) {
  if (uses_avx2(t, n_rows)) return quant_rows_avx2(t, n_rows, n_blocks);
  QuantRows rows;
  rows.n_rows = n_rows, rows.n_blocks = n_blocks;
  rows.form = RowForm::kInt8Sums;
  rows.zero_point = t == DType::kQ4_0 ? 8 : t == DType::kQ4G ? 32 : 128;
  rows.padded = n_rows > kGemvRowsAvx512Vnni;
  rows.chunk_blocks = rows.padded ? kBlocks : n_blocks;
  return rows;
}

void quant_gemm_avx512vnni(DType t, const void* panel, const QuantRows& rows, char* unpacked,
                           float* sums) {
  std::memset(sums, 0, size_t(rows.n_rows * kPanelRows) * sizeof(float));
  Piece& piece = *reinterpret_cast<Piece*>(unpacked);
  const auto* at = static_cast<const char*>(panel);
  for (int64_t chunk = 0; chunk * kBlocks < rows.n_blocks; ++chunk) {
    const int64_t n = rows.blocks_of(chunk), first = chunk * kBlocks;
    if (t == DType::kQ8_0)
      unpack<DType::kQ8_0>(at, rows.n_blocks, first, n, rows.zero_point, piece);
    if (t == DType::kQ4_0)
      unpack<DType::kQ4_0>(at, rows.n_blocks, first, n, rows.zero_point, piece);
    if (t == DType::kQ4G) unpack<DType::kQ4G>(at, rows.n_blocks, first, n, rows.zero_point, piece);
    const NextPiece next(t, at, rows, chunk);
    for (int64_t row = 0; row < rows.n_rows; row += kRowsAtOnce)
      tile_rows(std::min<int64_t>(kRowsAtOnce, rows.n_rows - row), piece, {rows.at(chunk, row)}, n,
                next.part_of(row / kRowsAtOnce), sums + row * kPanelRows);
  }
}

void quant_product_avx512vnni(DType t, const void* panel, const QuantRows& rows, char* unpacked,
                              float* sums) {
  if (uses_avx2(t, rows.n_rows))
    quant_gemv_avx2(t, panel, rows, sums);
  else if (rows.n_rows <= kGemvRowsAvx512Vnni)
    quant_gemv_avx512vnni(t, panel, rows, sums);
  else
    quant_gemm_avx512vnni(t, panel, rows, unpacked, sums);
}

}  // namespace qwench::cpu
