// Many rows of activations: a piece of a panel is unpacked once (about 20 KB, stays in L1) and meets
// one row of activations at a time: 4 accumulators of 8 rows, every weight a memory operand, every
// activation a broadcast from memory. The sums wait in L2 between pieces, so every output sees the
// chain of the GEMV.
#include <algorithm>

#include "cpu/quant_product.h"
#include "cpu/quant_unpack_avx2.h"

namespace qwench::cpu {

namespace {

constexpr int kGroups = kPanelGroups;

/// An unpacked piece for unsigned activations: int8, 8 rows x 4 k a vector, ordered as they are read.
/// kLanes sums of 16 bits share the 32 k of a block.
template <int kSums, int64_t kMost>
struct Piece {
  static constexpr int kLanes = kSums;
  static constexpr int64_t kBlocks = kMost;
  int8_t weights[kBlocks][kBlockVectors][kGroups][32];
  int16_t starts[kBlocks][kLanes][kGroups][16];  // -zero point x the sum of the weights of a lane
  float scales[kBlocks][kGroups][8];
};
using PieceQ4_0 = Piece<1, 16>;
using PieceQ4G = Piece<2, 16>;
using PieceQ8_0 = Piece<4, 14>;
/// An unpacked piece of q8_0 for int16 activations: 8 rows x 2 k a vector.
constexpr int64_t kBlocks16 = 8, kVectors16 = 16;
struct Piece16 {
  int16_t weights[kBlocks16][kVectors16][kGroups][16];
  float scales[kBlocks16][kGroups][8];
};
static_assert(sizeof(PieceQ4G) <= kUnpackedBytes && sizeof(PieceQ8_0) <= kUnpackedBytes &&
                  sizeof(Piece16) <= kUnpackedBytes,
              "too small");

/// -2^kShift x the sum of kCount vectors of weights, pairs of k added; modulo 2^16, as all that it is
/// added to. kRun of them are added as int8, which must not overflow.
template <int kCount, int kRun, int kShift>
__m256i start_value(const __m256i* weights) {
  __m256i sum = _mm256_setzero_si256();
  unroll<kCount / kRun>([&](auto run) QWENCH_INLINE {
    __m256i part = weights[run * kRun];
    unroll<kRun - 1>(
        [&](auto i) QWENCH_INLINE { part = _mm256_add_epi8(part, weights[run * kRun + i + 1]); });
    sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(_mm256_set1_epi8(1), part));
  });
  return _mm256_sub_epi16(_mm256_setzero_si256(), _mm256_slli_epi16(sum, kShift));
}

/// kRows rows of activations within a chunk, in any form but kInt8Sums.
template <int kRows>
struct TileRows {
  const char *integers, *scales;
  int64_t stride;
  Ahead ahead;

  QWENCH_INLINE __m256i broadcast(int row, int64_t offset) const {
    return broadcast4(integers + row * stride + offset);
  }
  /// sums[row][32] += x_scale * w_scale * dot of one block.
  QWENCH_INLINE void add(int64_t block, const float (&w_scales)[kGroups][8],
                         const __m256i (&dot)[kRows][kGroups], float* sums) const {
    unroll<kRows>([&](auto r) QWENCH_INLINE {
      const __m256 of_row = _mm256_castsi256_ps(broadcast4(scales + r * stride + 4 * block));
      unroll<kGroups>([&](auto g) QWENCH_INLINE {
        float* sum = sums + r * kPanelRows + 8 * g;
        const __m256 scale = _mm256_mul_ps(of_row, _mm256_load_ps(w_scales[g]));
        _mm256_store_ps(sum,
                        _mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(dot[r][g]), _mm256_load_ps(sum)));
      });
    });
  }
};

/// A weight vector held for kRows products: as a memory operand of each it would be loaded each time.
template <int kRows>
QWENCH_INLINE inline __m256i load_once(const void* p) {
  __m256i w = load(p);
  if (kRows > 1) keep(w);
  return w;
}

/// sums[kRows][32] += rows of activations (kUint8, kUint7) x n blocks of a piece.
/// A lane is 4 k of one output: vpmaddubsw of a broadcast a + zero point with w, added in 16 bits. It
/// starts at -zero point x the sum of its weights and may wrap on the way, for the final value is the
/// true dot product: q4_0 has at most 16 x 127 x 8 = 16256 in its one lane, q4g 8 x 127 x 32 = 32512 in
/// each of two, q8_0 with 7-bit activations 4 x 63 x 128 = 32256 in each of four. A vpmaddubsw alone
/// must not saturate: at most 2 x 255 x 32 and 2 x 127 x 128 = 32512.
/// Source: the start value trick is ours.
template <class Piece, int kRows>
void multiply(const Piece& piece, const TileRows<kRows>& x, int64_t n, float* sums) {
  constexpr int kLanes = Piece::kLanes, kPerLane = kBlockVectors / kLanes;
  const __m256i ones = _mm256_set1_epi16(1);
  for (int64_t b = 0; b < n; ++b) {
    __m256i dot[kRows][kGroups];
    unroll<kLanes>([&](auto lane) QWENCH_INLINE {
      __m256i s[kRows][kGroups];
      unroll<kPerLane>([&](auto i) QWENCH_INLINE {
        constexpr int j = lane * kPerLane + i;
        __m256i a[kRows];
        unroll<kRows>([&](auto r)
                          QWENCH_INLINE { a[r] = x.broadcast(r, b * kQuantBlock + 4 * j); });
        unroll<kGroups>([&](auto g) QWENCH_INLINE {
          const __m256i w = load_once<kRows>(piece.weights[b][j][g]);
          unroll<kRows>([&](auto r) QWENCH_INLINE {
            const __m256i start = i ? s[r][g] : load(piece.starts[b][lane][g]);
            s[r][g] = _mm256_add_epi16(start, _mm256_maddubs_epi16(a[r], w));
            keep(s[r][g]);
          });
        });
      });
      unroll<kRows>([&](auto r) QWENCH_INLINE {
        unroll<kGroups>([&](auto g) QWENCH_INLINE {
          const __m256i wide = _mm256_madd_epi16(s[r][g], ones);
          dot[r][g] = lane ? _mm256_add_epi32(dot[r][g], wide) : wide;
        });
      });
    });
    x.ahead.prefetch(b);
    x.add(b, piece.scales[b], dot, sums);
  }
}

/// sums[kRows][32] += rows of activations (kInt16) x n blocks of a piece of q8_0: vpmaddwd, 2 products of
/// int16 a lane, exact in 32 bits. u8 x s8 would saturate: 2 x 255 x 127 does not fit 16 bits.
template <int kRows>
void multiply(const Piece16& piece, const TileRows<kRows>& x, int64_t n, float* sums) {
  for (int64_t b = 0; b < n; ++b) {
    __m256i dot[kRows][kGroups];
    unroll<kVectors16>([&](auto j) QWENCH_INLINE {
      __m256i a[kRows];
      unroll<kRows>([&](auto r)
                        QWENCH_INLINE { a[r] = x.broadcast(r, b * kQuantBlock * 2 + 4 * j); });
      unroll<kGroups>([&](auto g) QWENCH_INLINE {
        const __m256i w = load_once<kRows>(piece.weights[b][j][g]);
        unroll<kRows>([&](auto r) QWENCH_INLINE {
          const __m256i product = _mm256_madd_epi16(a[r], w);
          dot[r][g] = j ? _mm256_add_epi32(dot[r][g], product) : product;
          keep(dot[r][g]);
        });
      });
    });
    x.ahead.prefetch(b);
    x.add(b, piece.scales[b], dot, sums);
  }
}

/// The start values of one block of 8 rows. q4_0: |w| <= 8, q4g: |w| <= 32, activations + 128; q8_0:
/// activations + 64.
void put_starts(PieceQ4_0& to, int64_t b, int g, const __m256i (&w)[kBlockVectors]) {
  store(to.starts[b][0][g], start_value<8, 8, 7>(w));
}
void put_starts(PieceQ4G& to, int64_t b, int g, const __m256i (&w)[kBlockVectors]) {
  for (int lane = 0; lane < 2; ++lane)
    store(to.starts[b][lane][g], start_value<4, 2, 7>(w + 4 * lane));
}
void put_starts(PieceQ8_0& to, int64_t b, int g, const __m256i (&w)[kBlockVectors]) {
  for (int lane = 0; lane < 4; ++lane)
    store(to.starts[b][lane][g], start_value<2, 1, 6>(w + 2 * lane));
}

/// Blocks [first, first + n) of a panel into a piece.
template <DType kType, class Piece>
void unpack(const char* panel, int64_t n_blocks, int64_t first, int64_t n, Piece& to) {
  for_each_block<kType>(panel, n_blocks, first, n,
                        [&](int64_t b, int g, const __m256i(&w)[kBlockVectors], __m256 scales)
                            QWENCH_INLINE {
                              for (int j = 0; j < kBlockVectors; ++j)
                                store(to.weights[b][j][g], w[j]);
                              put_starts(to, b, g, w);
                              _mm256_storeu_ps(to.scales[b][g], scales);
                            });
}

template <DType kType>
void unpack(const char* panel, int64_t n_blocks, int64_t first, int64_t n, Piece16& to) {
  // A lane's 4 k become 2 + 2: each byte into the high half of 16 bits, then shifted down.
  const __m256i low = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(-1, 0, -1, 1, -1, 4, -1, 5, -1, 8, -1, 9, -1, 12, -1, 13));
  const __m256i high = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(-1, 2, -1, 3, -1, 6, -1, 7, -1, 10, -1, 11, -1, 14, -1, 15));
  const auto put = [&](int64_t b, int g, const __m256i(&w)[kBlockVectors], __m256 scales) {
    for (int v = 0; v < kBlockVectors; ++v) {
      store(to.weights[b][2 * v][g], _mm256_srai_epi16(_mm256_shuffle_epi8(w[v], low), 8));
      store(to.weights[b][2 * v + 1][g], _mm256_srai_epi16(_mm256_shuffle_epi8(w[v], high), 8));
    }
    _mm256_storeu_ps(to.scales[b][g], scales);
  };
  for_each_block<kType>(panel, n_blocks, first, n, put);
}

/// Chunk by chunk: unpacked once, then multiplied with all rows, two at a time.
template <DType kType, class Piece>
void gemm(const char* panel, const QuantRows& rows, char* unpacked, float* sums) {
  auto& piece = *reinterpret_cast<Piece*>(unpacked);
  for (int64_t chunk = 0; chunk * rows.chunk_blocks < rows.n_blocks; ++chunk) {
    const int64_t n = rows.blocks_of(chunk), stride = rows.stride(chunk);
    const int64_t scales = n * kQuantBlock * integer_bytes(rows.form);
    unpack<kType>(panel, rows.n_blocks, chunk * rows.chunk_blocks, n, piece);
    const NextPiece next(kType, panel, rows, chunk);
    for (int64_t row = 0; row < rows.n_rows; row += 2) {
      const char* x = rows.at(chunk, row);
      const Ahead ahead = next.part_of(row / 2);
      with_count<2>(std::min<int64_t>(2, rows.n_rows - row), [&](auto count) {
        multiply(piece, TileRows<count>{x, x + scales, stride, ahead}, n, sums + row * kPanelRows);
      });
    }
  }
}

}  // namespace

QuantRows quant_rows_avx2(DType t, int64_t n_rows, int64_t n_blocks) {
  QuantRows rows;
  rows.n_rows = n_rows, rows.n_blocks = n_blocks;
  const bool few = n_rows <= (t == DType::kQ4G ? 4 : 8);  // up to here the GEMV is the faster one
  rows.form = few ? RowForm::kInt8Sums : t == DType::kQ8_0 ? RowForm::kInt16 : RowForm::kUint8;
  rows.chunk_blocks = few ? n_blocks : t == DType::kQ8_0 ? kBlocks16 : PieceQ4G::kBlocks;
  rows.zero_point = t == DType::kQ4_0 ? 8 : t == DType::kQ4G ? 32 : 0;
  return rows;
}

QuantRows quant_rows_7bit_avx2(DType t, int64_t n_rows, int64_t n_blocks) {
  QuantRows rows = quant_rows_avx2(t, n_rows, n_blocks);
  rows.limit = 63;
  if (rows.form == RowForm::kInt8Sums) return rows;
  rows.form = RowForm::kUint7, rows.chunk_blocks = PieceQ8_0::kBlocks;
  return rows;
}

void quant_gemm_avx2(DType t, const void* panel, const QuantRows& rows, char* unpacked,
                     float* sums) {
  std::memset(sums, 0, size_t(rows.n_rows * kPanelRows) * sizeof(float));
  const char* at = static_cast<const char*>(panel);
  if (rows.form == RowForm::kInt16) return gemm<DType::kQ8_0, Piece16>(at, rows, unpacked, sums);
  if (t == DType::kQ8_0) gemm<DType::kQ8_0, PieceQ8_0>(at, rows, unpacked, sums);
  if (t == DType::kQ4_0) gemm<DType::kQ4_0, PieceQ4_0>(at, rows, unpacked, sums);
  if (t == DType::kQ4G) gemm<DType::kQ4G, PieceQ4G>(at, rows, unpacked, sums);
}

void quant_product_avx2(DType t, const void* panel, const QuantRows& rows, char* unpacked,
                        float* sums) {
  if (rows.form == RowForm::kInt8Sums)
    quant_gemv_avx2(t, panel, rows, sums);
  else
    quant_gemm_avx2(t, panel, rows, unpacked, sums);
}

}  // namespace qwench::cpu
