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

/// The unpacked piece of a 4-bit panel: int8, 8 rows x 4 k a vector, ordered as they are read.
constexpr int64_t kBlocks4 = 16, kVectors4 = 8;
struct Piece4 {
  int8_t weights[kBlocks4][kVectors4][kGroups][32];
  int16_t starts[kBlocks4][2][kGroups][16];  // -128 x the sum of the weights that meet in a lane
  float scales[kBlocks4][kGroups][8];
};
/// The same of q8_0: int16, 8 rows x 2 k a vector.
constexpr int64_t kBlocks8 = 8, kVectors8 = 16;
struct Piece8 {
  int16_t weights[kBlocks8][kVectors8][kGroups][16];
  float scales[kBlocks8][kGroups][8];
};
/// The same of q8_0 for 7-bit activations: int8.
struct Piece7 {
  int8_t weights[kBlocks4][kBlockVectors][kGroups][32];
  int32_t starts[kBlocks4][kGroups][8];  // -64 x the sum of the weights that meet in a lane
  float scales[kBlocks4][kGroups][8];
};
static_assert(sizeof(Piece4) <= kUnpackedBytes && sizeof(Piece8) <= kUnpackedBytes &&
                  sizeof(Piece7) <= kUnpackedBytes,
              "too small");

/// -128 x the sum of kCount vectors, pairs of k added; modulo 2^16, as all that it is added to.
template <int kCount>
__m256i start_value(const __m256i* weights) {
  __m256i sum = _mm256_setzero_si256();
  for (int j = 0; j < kCount; ++j)
    sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(_mm256_set1_epi8(1), weights[j]));
  return _mm256_sub_epi16(_mm256_setzero_si256(), _mm256_slli_epi16(sum, 7));
}

/// The 32 outputs of one row of activations.
struct PanelSums {
  __m256 f[kGroups];

  QWENCH_INLINE explicit PanelSums(const float* sums) {
    unroll<kGroups>([&](auto g) QWENCH_INLINE { f[g] = _mm256_loadu_ps(sums + 8 * g); });
  }
  /// Adds x_scale * w_scale * dot of one block.
  QWENCH_INLINE void add(const char* x_scale, const float (&w_scales)[kGroups][8],
                         const __m256i (&dot)[kGroups]) {
    const __m256 of_row = _mm256_castsi256_ps(broadcast4(x_scale));
    unroll<kGroups>([&](auto g) QWENCH_INLINE {
      const __m256 scale = _mm256_mul_ps(of_row, _mm256_loadu_ps(w_scales[g]));
      f[g] = _mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(dot[g]), f[g]);
    });
  }
  QWENCH_INLINE void store(float* sums) const {
    unroll<kGroups>([&](auto g) QWENCH_INLINE { _mm256_storeu_ps(sums + 8 * g, f[g]); });
  }
};

/// sums[32] += one row of activations (kUint8) x n blocks of a piece of q4_0 (kLanes = 1) or q4g (2).
/// A lane is 4 k of one output: vpmaddubsw of a broadcast a + 128 with w from memory, added in 16 bits.
/// The lane starts at -128 x the sum of its weights and may wrap on the way, for the final value is the
/// sum of a x w and fits: 16 k x 127 x 8 = 16256 (q4_0); 8 k x 127 x 32 = 32512 (q4g, two halves of the
/// block). A pair is at most 2 x 255 x 32 = 16320, so nothing saturates.
/// Source: the s8 x s8 compensation of oneDNN's int8 primitives, here inside the 16-bit sum.
template <int kLanes>
void tile4(const Piece4& piece, const char* x, int64_t n, float* sums) {
  const char* x_scales = x + n * kQuantBlock;
  const __m256i ones = _mm256_set1_epi16(1);
  PanelSums f(sums);
  for (int64_t b = 0; b < n; ++b, x += kQuantBlock) {
    __m256i dot[kGroups];
    unroll<kLanes>([&](auto lane) QWENCH_INLINE {
      __m256i s[kGroups];
      unroll<kGroups>([&](auto g) QWENCH_INLINE { s[g] = load(piece.starts[b][lane][g]); });
      unroll<kVectors4 / kLanes>([&](auto i) QWENCH_INLINE {
        constexpr int j = lane * (kVectors4 / kLanes) + i;
        const __m256i a = broadcast4(x + 4 * j);
        unroll<kGroups>([&](auto g) QWENCH_INLINE {
          s[g] = _mm256_add_epi16(s[g], _mm256_maddubs_epi16(a, load(piece.weights[b][j][g])));
          keep(s[g]);
        });
      });
      unroll<kGroups>([&](auto g) QWENCH_INLINE {
        const __m256i wide = _mm256_madd_epi16(s[g], ones);
        dot[g] = lane ? _mm256_add_epi32(dot[g], wide) : wide;
      });
    });
    f.add(x_scales + 4 * b, piece.scales[b], dot);
  }
  f.store(sums);
}

/// sums[32] += one row of activations (kInt16) x n blocks of a piece of q8_0: vpmaddwd, 2 products of
/// int16 a lane, exact in 32 bits. u8 x s8 would saturate: 2 x 255 x 127 does not fit 16 bits.
void tile8(const Piece8& piece, const char* x, int64_t n, float* sums) {
  const char* x_scales = x + n * kQuantBlock * 2;
  PanelSums f(sums);
  for (int64_t b = 0; b < n; ++b, x += kQuantBlock * 2) {
    __m256i dot[kGroups];
    unroll<kVectors8>([&](auto j) QWENCH_INLINE {
      const __m256i a = broadcast4(x + 4 * j);
      unroll<kGroups>([&](auto g) QWENCH_INLINE {
        const __m256i product = _mm256_madd_epi16(a, load(piece.weights[b][j][g]));
        dot[g] = j ? _mm256_add_epi32(dot[g], product) : product;
        keep(dot[g]);
      });
    });
    f.add(x_scales + 4 * b, piece.scales[b], dot);
  }
  f.store(sums);
}

/// sums[32] += one row of activations (kUint7) x n blocks of a piece of q8_0: vpmaddubsw of a + 64 with
/// w, then at once to 32 bits. A pair is at most 2 x 127 x 128 = 32512 and does not saturate.
void tile7(const Piece7& piece, const char* x, int64_t n, float* sums) {
  const char* x_scales = x + n * kQuantBlock;
  const __m256i ones = _mm256_set1_epi16(1);
  PanelSums f(sums);
  for (int64_t b = 0; b < n; ++b, x += kQuantBlock) {
    __m256i dot[kGroups];
    unroll<kGroups>([&](auto g) QWENCH_INLINE { dot[g] = load(piece.starts[b][g]); });
    unroll<kBlockVectors>([&](auto j) QWENCH_INLINE {
      const __m256i a = broadcast4(x + 4 * j);
      unroll<kGroups>([&](auto g) QWENCH_INLINE {
        const __m256i pairs = _mm256_maddubs_epi16(a, load(piece.weights[b][j][g]));
        dot[g] = _mm256_add_epi32(dot[g], _mm256_madd_epi16(pairs, ones));
        keep(dot[g]);
      });
    });
    f.add(x_scales + 4 * b, piece.scales[b], dot);
  }
  f.store(sums);
}

/// Blocks [first, first + n) of a panel into a piece.
template <DType kType>
void unpack(const char* panel, int64_t n_blocks, int64_t first, int64_t n, Piece4& to) {
  for_each_block<kType>(panel, n_blocks, first, n,
                        [&](int64_t b, int g, const __m256i(&w)[kBlockVectors], __m256 scales) {
                          for (int j = 0; j < kVectors4; ++j) store(to.weights[b][j][g], w[j]);
                          if (kType == DType::kQ4_0) {
                            store(to.starts[b][0][g], start_value<8>(w));
                          } else {
                            store(to.starts[b][0][g], start_value<4>(w));
                            store(to.starts[b][1][g], start_value<4>(w + 4));
                          }
                          _mm256_storeu_ps(to.scales[b][g], scales);
                        });
}

void unpack_q8_0(const char* panel, int64_t n_blocks, int64_t first, int64_t n, Piece8& to) {
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
  for_each_block<DType::kQ8_0>(panel, n_blocks, first, n, put);
}

void unpack_q8_0(const char* panel, int64_t n_blocks, int64_t first, int64_t n, Piece7& to) {
  const __m256i ones = _mm256_set1_epi16(1);
  const auto put = [&](int64_t b, int g, const __m256i(&w)[kBlockVectors], __m256 scales) {
    __m256i sum = _mm256_setzero_si256();
    for (int v = 0; v < kBlockVectors; ++v) {
      store(to.weights[b][v][g], w[v]);
      sum = _mm256_add_epi16(sum, _mm256_maddubs_epi16(_mm256_set1_epi8(1), w[v]));
    }
    const __m256i wide = _mm256_slli_epi32(_mm256_madd_epi16(sum, ones), 6);
    store(to.starts[b][g], _mm256_sub_epi32(_mm256_setzero_si256(), wide));
    _mm256_storeu_ps(to.scales[b][g], scales);
  };
  for_each_block<DType::kQ8_0>(panel, n_blocks, first, n, put);
}

void unpack_any(DType t, RowForm form, const char* panel, int64_t n_blocks, int64_t first,
                int64_t n, char* to) {
  auto& piece4 = *reinterpret_cast<Piece4*>(to);
  if (form == RowForm::kUint7)
    return unpack_q8_0(panel, n_blocks, first, n, *reinterpret_cast<Piece7*>(to));
  if (t == DType::kQ8_0) unpack_q8_0(panel, n_blocks, first, n, *reinterpret_cast<Piece8*>(to));
  if (t == DType::kQ4_0) unpack<DType::kQ4_0>(panel, n_blocks, first, n, piece4);
  if (t == DType::kQ4G) unpack<DType::kQ4G>(panel, n_blocks, first, n, piece4);
}

}  // namespace

QuantRows quant_rows_avx2(DType t, int64_t n_rows, int64_t n_blocks) {
  QuantRows rows;
  rows.n_rows = n_rows, rows.n_blocks = n_blocks;
  const bool few = n_rows <= (t == DType::kQ8_0 ? 8 : 4);  // up to here the GEMV is the faster one
  rows.chunk_blocks = few ? n_blocks : t == DType::kQ8_0 ? kBlocks8 : kBlocks4;
  rows.form = few ? RowForm::kInt8Sums : t == DType::kQ8_0 ? RowForm::kInt16 : RowForm::kUint8;
  rows.zero_point = t == DType::kQ4_0 ? 8 : t == DType::kQ4G ? 32 : 0;
  return rows;
}

QuantRows quant_rows_7bit_avx2(DType t, int64_t n_rows, int64_t n_blocks) {
  QuantRows rows = quant_rows_avx2(t, n_rows, n_blocks);
  rows.limit = 63;
  if (rows.form == RowForm::kInt8Sums) return rows;
  rows.form = RowForm::kUint7, rows.chunk_blocks = kBlocks4;
  return rows;
}

void quant_gemm_avx2(DType t, const void* panel, const QuantRows& rows, char* unpacked,
                     float* sums) {
  std::memset(sums, 0, size_t(rows.n_rows * kPanelRows) * sizeof(float));
  const auto& piece4 = *reinterpret_cast<const Piece4*>(unpacked);
  const auto& piece8 = *reinterpret_cast<const Piece8*>(unpacked);
  const auto& piece7 = *reinterpret_cast<const Piece7*>(unpacked);
  for (int64_t chunk = 0; chunk * rows.chunk_blocks < rows.n_blocks; ++chunk) {
    const int64_t n = rows.blocks_of(chunk);
    unpack_any(t, rows.form, static_cast<const char*>(panel), rows.n_blocks,
               chunk * rows.chunk_blocks, n, unpacked);
    const char* x = rows.at(chunk, 0);
    float* sum = sums;
    for (int64_t row = 0; row < rows.n_rows; ++row, x += rows.stride(chunk), sum += kPanelRows) {
      if (rows.form == RowForm::kUint7) tile7(piece7, x, n, sum);
      if (rows.form == RowForm::kInt16) tile8(piece8, x, n, sum);
      if (t == DType::kQ4_0) tile4<1>(piece4, x, n, sum);
      if (t == DType::kQ4G) tile4<2>(piece4, x, n, sum);
    }
  }
}

void quant_product_avx2(DType t, const void* panel, const QuantRows& rows, char* unpacked,
                        float* sums) {
  if (rows.form == RowForm::kInt8Sums)
    quant_gemv_avx2(t, panel, rows, sums);
  else
    quant_gemm_avx2(t, panel, rows, unpacked, sums);
}

}  // namespace qwench::cpu
