// A few rows of activations against packed blocks as they lie in memory, by AVX-512 VNNI and VBMI:
// two groups of 8 output rows are the halves of a vector, and kRows rows of activations share every
// weight. Weights become unsigned bytes, the rows' sums take off what that adds; vpdpbusd adds 4
// products a lane, exact in 32 bits.
#include <algorithm>

#include "cpu/int8_avx512.h"

namespace qwench::cpu {

namespace {

/// How far ahead both groups of a pair are asked for: at the same place of the next pair while that
/// is near, else further on in the same groups.
inline int64_t pair_distance(int64_t group_bytes) {
  constexpr int64_t kNearest = 4608, kFarthest = 24 << 10;
  return 2 * group_bytes <= kFarthest ? 2 * group_bytes : kNearest;
}

constexpr int kMostRows = 8;

inline __m512i low_nibbles(__m512i v) { return _mm512_and_si512(v, _mm512_set1_epi8(15)); }
inline __m512i high_nibbles(__m512i v) { return low_nibbles(_mm512_srli_epi16(v, 4)); }

/// The same block of two groups.
struct Pair {
  const char *low, *high;

  __m512i at(int64_t offset) const { return load_halves(low + offset, high + offset); }
  __m512 f16_scales(int64_t offset) const {
    return _mm512_cvtph_ps(_mm256_set_m128i(half(high + offset), half(low + offset)));
  }

 private:
  static __m128i half(const char* p) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  }
};

/// Adds 4 k of 16 outputs to the dot products of each row of activations.
template <int kRows>
QWENCH_INLINE inline void add_products(__m512i w, const Int8Rows& x, int64_t block, int k,
                                       __m512i (&dot)[kRows]) {
  unroll<kRows>([&](auto r) QWENCH_INLINE {
    dot[r] = _mm512_dpbusd_epi32(dot[r], w, broadcast4_512(x.integers(r, block) + k));
  });
}

struct Q8_0 {
  static constexpr DType kType = DType::kQ8_0;
  explicit Q8_0(const char*, int64_t) {}

  /// The unsigned weights of one block, then their scales, given to the sums by f(w, k).
  template <class F>
  QWENCH_INLINE void block(const Pair& quants, F&& f) const {
    unroll<8>([&](auto v) QWENCH_INLINE {
      f(_mm512_xor_si512(quants.at(32 * v), _mm512_set1_epi8(-128)), 4 * v);
    });
  }
  QWENCH_INLINE __m512 scales(const Pair& scales) const { return scales.f16_scales(0); }
  QWENCH_INLINE void next(const Pair&) {}
};

struct Q4_0 {
  static constexpr DType kType = DType::kQ4_0;
  explicit Q4_0(const char*, int64_t) {}

  template <class F>
  QWENCH_INLINE void block(const Pair& quants, F&& f) const {
    unroll<4>([&](auto v) QWENCH_INLINE {
      const __m512i w = quants.at(32 * v);
      f(low_nibbles(w), 4 * v);
      f(high_nibbles(w), 4 * v + 16);
    });
  }
  QWENCH_INLINE __m512 scales(const Pair& scales) const { return scales.f16_scales(0); }
  QWENCH_INLINE void next(const Pair&) {}
};

/// The four tables are one of 64 bytes: a lane's two bits of table choice and a nibble are its index
/// (vpermb). The vectors hold 16 k of rows p and p + 4, so 4 x 4 transposition of 32-bit lanes comes
/// first.
struct Q4G {
  static constexpr DType kType = DType::kQ4G;
  __m512i table;      // value + 32
  __m512 row_scales;  // of 16 rows
  __m512i choice;     // of this block: table * 16 in every byte of a row's lane

  Q4G(const char* panel, int64_t first_row) {
    const __m512i grid = load512(kQ4GGrid);
    table = _mm512_add_epi8(grid, _mm512_set1_epi8(32));
    row_scales = _mm512_loadu_ps(reinterpret_cast<const float*>(panel) + first_row);
  }

  static __m128i heads(const Pair& scales) {
    return _mm_unpacklo_epi64(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(scales.low)),
                              _mm_loadl_epi64(reinterpret_cast<const __m128i*>(scales.high)));
  }
  QWENCH_INLINE void next(const Pair& scales) {
    const __m512i bits =
        _mm512_and_si512(_mm512_cvtepu8_epi32(heads(scales)), _mm512_set1_epi32(3));
    choice = _mm512_mullo_epi32(bits, _mm512_set1_epi32(0x10101010));
  }
  template <class F>
  QWENCH_INLINE void block(const Pair& quants, F&& f) const {
    const __m512i in0 = quants.at(0), in1 = quants.at(32), in2 = quants.at(64), in3 = quants.at(96);
    const __m512i a = _mm512_unpacklo_epi32(in0, in1), b = _mm512_unpackhi_epi32(in0, in1);
    const __m512i c = _mm512_unpacklo_epi32(in2, in3), d = _mm512_unpackhi_epi32(in2, in3);
    const __m512i out[4] = {_mm512_unpacklo_epi64(a, c), _mm512_unpackhi_epi64(a, c),
                            _mm512_unpacklo_epi64(b, d), _mm512_unpackhi_epi64(b, d)};
    unroll<4>([&](auto v) QWENCH_INLINE {
      const __m512i low = _mm512_or_si512(low_nibbles(out[v]), choice);
      const __m512i high = _mm512_or_si512(high_nibbles(out[v]), choice);
      f(_mm512_permutexvar_epi8(low, table), 4 * v);
      f(_mm512_permutexvar_epi8(high, table), 4 * v + 16);
    });
  }
  QWENCH_INLINE __m512 scales(const Pair& scales) const {
    const __m512i s = _mm512_srai_epi32(_mm512_cvtepi8_epi32(heads(scales)), 2);
    return _mm512_mul_ps(row_scales, _mm512_cvtepi32_ps(s));
  }
};

/// sums[row][0..15] of two groups of 8 output rows and kRows rows of activations; `sums` has
/// kPanelRows floats a row.
template <class Format, int kRows>
__attribute__((noinline)) void gemv_groups(Format format, Pair group, const Int8Rows& x,
                                           float* sums) {
  constexpr int64_t kQuants = quants_bytes(Format::kType), kScales = scales_bytes(Format::kType);
  const int64_t ahead = pair_distance(x.n_blocks * unit_bytes(Format::kType));
  __m512 sum[kRows];
  unroll<kRows>([&](auto r) QWENCH_INLINE { sum[r] = _mm512_setzero_ps(); });
  for (int64_t b = 0; b < x.n_blocks;) {
    const int64_t n = std::min(kChunkBlocks, x.n_blocks - b);
    Pair quants = group, scales = {group.low + n * kQuants, group.high + n * kQuants};
    group = {scales.low + n * kScales, scales.high + n * kScales};
    _mm_prefetch(scales.low + ahead, _MM_HINT_T0);
    _mm_prefetch(scales.high + ahead, _MM_HINT_T0);
    for (int64_t i = 0; i < n; ++i, ++b) {
      for (int64_t line = 0; line < kQuants; line += 64) {
        _mm_prefetch(quants.low + line + ahead, _MM_HINT_T0);
        _mm_prefetch(quants.high + line + ahead, _MM_HINT_T0);
      }
      __m512i dot[kRows];
      unroll<kRows>([&](auto r) QWENCH_INLINE { dot[r] = broadcast4_512(x.correction(r, b)); });
      format.next(scales);
      format.block(quants, [&](__m512i w, int k) QWENCH_INLINE { add_products(w, x, b, k, dot); });
      const __m512 w_scales = format.scales(scales);
      unroll<kRows>([&](auto r)
                        QWENCH_INLINE { accumulate512(x, r, b, w_scales, dot[r], sum[r]); });
      quants = {quants.low + kQuants, quants.high + kQuants};
      scales = {scales.low + kScales, scales.high + kScales};
    }
  }
  unroll<kRows>([&](auto r) QWENCH_INLINE { _mm512_storeu_ps(sums + r * kPanelRows, sum[r]); });
}

template <class Format>
void gemv_rows(int64_t rows, const Format& format, Pair group, const Int8Rows& x, float* sums) {
  with_count<kMostRows>(rows,
                        [&](auto count) { gemv_groups<Format, count>(format, group, x, sums); });
}

template <class Format>
void gemv_panel(const char* panel, const QuantRows& rows, float* sums) {
  for (int64_t g = 0; g < kPanelGroups; g += 2) {
    const Format format(panel, g * kGroupRows);
    const Pair group = {panel + group_offset(Format::kType, rows.n_blocks, g),
                        panel + group_offset(Format::kType, rows.n_blocks, g + 1)};
    for (int64_t row = 0; row < rows.n_rows; row += kMostRows)
      gemv_rows(std::min<int64_t>(kMostRows, rows.n_rows - row), format, group,
                {rows.at(0, row), rows.stride(0), rows.n_blocks},
                sums + row * kPanelRows + g * kGroupRows);
  }
}

/// One row of activations against q4g: one group after the other, so that a thread reads one stream.
/// A vector holds 16 k of four rows (p, p + 4, p + 1, p + 5); their 4 lanes each are added across.
class OneRowOfQ4G {
 public:
  OneRowOfQ4G() {
    table_ = _mm512_add_epi8(load512(kQ4GGrid), _mm512_set1_epi8(32));
    alignas(64) uint8_t rows[2][64];
    for (int i = 0; i < 64; ++i) {
      rows[0][i] = uint8_t(i / 32 + (i / 16 % 2) * 4);  // rows 0, 4, 1, 5
      rows[1][i] = uint8_t(rows[0][i] + 2);
    }
    rows_[0] = load512(rows[0]), rows_[1] = load512(rows[1]);
  }

  /// sums[0..7] of the rows of one group.
  void group(const char* group, const float* row_scales, const Int8Rows& x, float* sums) const {
    constexpr int64_t kQuants = quants_bytes(DType::kQ4G), kScales = scales_bytes(DType::kQ4G);
    constexpr int64_t kAhead = 4608;
    const __m256 of_rows = _mm256_loadu_ps(row_scales);
    __m256 sum = _mm256_setzero_ps();
    for (int64_t b = 0; b < x.n_blocks;) {
      const int64_t n = std::min(kChunkBlocks, x.n_blocks - b);
      const char* heads = group + n * kQuants;
      for (int64_t i = 0; i < n; ++i, ++b) {
        const char* quants = group + i * kQuants;
        _mm_prefetch(quants + kAhead, _MM_HINT_T0), _mm_prefetch(quants + kAhead + 64, _MM_HINT_T0);
        const __m256i whole = dot(quants, heads + i * kScales, x, b);
        const __m256 x_scale = _mm256_castsi256_ps(broadcast4(x.scale(0, b)));
        const __m256 scale = _mm256_mul_ps(x_scale, q4g_scales(heads + i * kScales, of_rows));
        sum = _mm256_fmadd_ps(scale, _mm256_cvtepi32_ps(whole), sum);
      }
      _mm_prefetch(heads + kAhead, _MM_HINT_T0);
      group += n * (kQuants + kScales);
    }
    _mm256_storeu_ps(sums, sum);
  }

 private:
  /// The integer dot products of one block, rows 0..7.
  QWENCH_INLINE __m256i dot(const char* quants, const char* heads, const Int8Rows& x,
                            int64_t b) const {
    uint64_t tables;
    std::memcpy(&tables, heads, sizeof tables);
    const __m512i choices = _mm512_set1_epi64(int64_t((tables & 0x0303030303030303u) << 4));
    const __m512i low_a = _mm512_broadcast_i32x4(half(x.integers(0, b)));
    const __m512i high_a = _mm512_broadcast_i32x4(half(x.integers(0, b) + 16));
    __m512i of_lanes[2];
    unroll<2>([&](auto v) QWENCH_INLINE {
      const __m512i w = load512(quants + 64 * v);
      const __m512i choice = _mm512_permutexvar_epi8(rows_[v], choices);
      const __m512i low = _mm512_or_si512(low_nibbles(w), choice);
      const __m512i high = _mm512_or_si512(high_nibbles(w), choice);
      const __m512i first =
          _mm512_dpbusd_epi32(_mm512_setzero_si512(), _mm512_permutexvar_epi8(low, table_), low_a);
      of_lanes[v] = _mm512_dpbusd_epi32(first, _mm512_permutexvar_epi8(high, table_), high_a);
    });
    // Rows by 128 bits: (0, 4, 1, 5) and (2, 6, 3, 7); two halvings leave (0, 2), (4, 6), (1, 3), (5, 7).
    const __m512i pairs = _mm512_add_epi32(_mm512_unpacklo_epi32(of_lanes[0], of_lanes[1]),
                                           _mm512_unpackhi_epi32(of_lanes[0], of_lanes[1]));
    const __m512i sums = _mm512_add_epi32(pairs, _mm512_shuffle_epi32(pairs, _MM_PERM_BADC));
    const __m512i order = _mm512_setr_epi32(0, 8, 1, 9, 4, 12, 5, 13, 0, 0, 0, 0, 0, 0, 0, 0);
    const __m512i ordered = _mm512_permutexvar_epi32(order, sums);
    return _mm256_add_epi32(_mm512_castsi512_si256(ordered), broadcast4(x.correction(0, b)));
  }
  static __m128i half(const char* p) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  }

  __m512i table_;    // value + 32 of the four tables
  __m512i rows_[2];  // which head byte a byte of a vector belongs to
};

void gemv_panel_q4g(const char* panel, const QuantRows& rows, float* sums) {
  const OneRowOfQ4G product;
  const float* row_scales = reinterpret_cast<const float*>(panel);
  for (int64_t g = 0; g < kPanelGroups; ++g)
    product.group(panel + group_offset(DType::kQ4G, rows.n_blocks, g), row_scales + g * kGroupRows,
                  {rows.at(0, 0), rows.stride(0), rows.n_blocks}, sums + g * kGroupRows);
}

}  // namespace

void quant_gemv_avx512vnni(DType t, const void* panel, const QuantRows& rows, float* sums) {
  const char* at = static_cast<const char*>(panel);
  if (t == DType::kQ4G && rows.n_rows == 1) return gemv_panel_q4g(at, rows, sums);
  if (t == DType::kQ8_0) gemv_panel<Q8_0>(at, rows, sums);
  if (t == DType::kQ4_0) gemv_panel<Q4_0>(at, rows, sums);
  if (t == DType::kQ4G) gemv_panel<Q4G>(at, rows, sums);
}

}  // namespace qwench::cpu
