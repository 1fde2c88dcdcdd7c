// A few rows of activations against packed blocks as they lie in memory: one group of 8 rows after
// the other, so that a thread reads one stream; kRows rows of activations share every weight.
#include <algorithm>

#include "cpu/int8_avx2.h"
#include "cpu/quant_product.h"
#include "engine/formats/q4g.h"

namespace qwench::cpu {

namespace {

constexpr int64_t kPrefetchBytes = 4608;
constexpr int kMostRows = 8;  // of activations that share every weight

inline __m256i widen_add(__m256i sum, __m256i pairs) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}

/// sum[row] += x_scale * w_scale * dot[row].
template <int kRows>
QWENCH_INLINE inline void accumulate(const Int8Rows& x, int64_t block, __m256 w_scales,
                                     const __m256i (&dot)[kRows], __m256 (&sum)[kRows]) {
  unroll<kRows>([&](auto r) QWENCH_INLINE {
    const __m256 x_scale = _mm256_castsi256_ps(broadcast4(x.scale(r, block)));
    sum[r] = _mm256_fmadd_ps(_mm256_mul_ps(x_scale, w_scales), _mm256_cvtepi32_ps(dot[r]), sum[r]);
  });
}

/// dot = |w| . (a with the sign of w): the products' factors are 0..128 and -127..127, so a pair is
/// at most 2 x 128 x 127 = 32512 and does not saturate. Lanes are output rows, 4 k each.
/// Source: the vpsignb trick of ggml's AVX2 dot products, turned from one row to eight.
struct Q8_0 {
  static constexpr DType kType = DType::kQ8_0;
  explicit Q8_0(const char*) {}
  void next_group() {}

  template <int kRows>
  QWENCH_INLINE void block(const char* quants, const char* scales, const Int8Rows& x, int64_t b,
                           __m256 (&sum)[kRows]) const {
    __m256i dot[kRows];
    unroll<kRows>([&](auto r) QWENCH_INLINE { dot[r] = _mm256_setzero_si256(); });
    unroll<8>([&](auto v) QWENCH_INLINE {
      const __m256i w = load(quants + 32 * v), size = _mm256_abs_epi8(w);
      unroll<kRows>([&](auto r) QWENCH_INLINE {
        const __m256i a = _mm256_sign_epi8(broadcast4(x.integers(r, b) + 4 * v), w);
        dot[r] = widen_add(dot[r], _mm256_maddubs_epi16(size, a));
        keep(dot[r]);
      });
    });
    accumulate(x, b, f16_scales(scales), dot, sum);
  }
};

/// dot = nibbles . a - 8 x sum of a. Lanes are output rows, 4 k each; each 16-bit half gathers 16
/// products, at most 16 x 15 x 127 = 30480.
struct Q4_0 {
  static constexpr DType kType = DType::kQ4_0;
  explicit Q4_0(const char*) {}
  void next_group() {}

  template <int kRows>
  QWENCH_INLINE void block(const char* quants, const char* scales, const Int8Rows& x, int64_t b,
                           __m256 (&sum)[kRows]) const {
    __m256i dot[kRows];
    unroll<kRows>([&](auto r) QWENCH_INLINE { dot[r] = _mm256_setzero_si256(); });
    unroll<4>([&](auto v) QWENCH_INLINE {
      const __m256i w = load(quants + 32 * v), low = low_nibbles(w), high = high_nibbles(w);
      unroll<kRows>([&](auto r) QWENCH_INLINE {
        const char* a = x.integers(r, b) + 4 * v;
        dot[r] = _mm256_add_epi16(dot[r], _mm256_maddubs_epi16(low, broadcast4(a)));
        keep(dot[r]);
        dot[r] = _mm256_add_epi16(dot[r], _mm256_maddubs_epi16(high, broadcast4(a + 16)));
        keep(dot[r]);
      });
    });
    unroll<kRows>(
        [&](auto r) QWENCH_INLINE { dot[r] = widen_add(broadcast4(x.correction(r, b)), dot[r]); });
    accumulate(x, b, f16_scales(scales), dot, sum);
  }
};

/// The tables of q4g for every choice of two, as unsigned bytes value + 32: 0..64. Entry t | u << 2
/// holds tables t and u.
struct Q4GTables {
  alignas(64) uint8_t pairs[16][32];
  Q4GTables() {
    for (int i = 0; i < 16; ++i) {
      const auto values = [](int t) {
        return _mm_loadu_si128(reinterpret_cast<const __m128i*>(kQ4GGrid[t]));
      };
      const __m256i both = _mm256_set_m128i(values(i >> 2), values(i & 3));
      store(pairs[i], _mm256_add_epi8(both, _mm256_set1_epi8(32)));
    }
  }
  /// Bytes 0..3: half the offset of the entry for rows p and p + 4 of 8 head bytes.
  static uint64_t places(const char* heads) {
    uint64_t tables;
    std::memcpy(&tables, heads, sizeof tables);
    tables &= 0x0303030303030303u;
    return tables << 4 | tables >> 26;
  }
  QWENCH_INLINE __m256i pair(uint64_t places, int p) const {
    const uint64_t half = places >> (8 * p) & 0xff;
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(&pairs[0][0] + 2 * half));
  }
};

/// Lane p of each half: the sum of that half of v[p]. Unpacking, for vphaddd takes two cycles on Zen.
inline __m256i lane_sums(const __m256i (&v)[4]) {
  const __m256i a =
      _mm256_add_epi32(_mm256_unpacklo_epi32(v[0], v[1]), _mm256_unpackhi_epi32(v[0], v[1]));
  const __m256i b =
      _mm256_add_epi32(_mm256_unpacklo_epi32(v[2], v[3]), _mm256_unpackhi_epi32(v[2], v[3]));
  return _mm256_add_epi32(_mm256_unpacklo_epi64(a, b), _mm256_unpackhi_epi64(a, b));
}

/// dot = (value + 32) . a - 32 x sum of a. A 16-byte half of a vector is one row (rows p and p + 4),
/// k in its lanes; 4 products in a 16-bit lane: at most 4 x 64 x 127 = 32512. The four 32-bit lanes
/// of a row are added across, which leaves rows 0..7 in order.
struct Q4G {
  static constexpr DType kType = DType::kQ4G;
  const float* row_scales;  // of the group of 8 rows at hand
  Q4GTables tables;
  explicit Q4G(const char* panel) : row_scales(reinterpret_cast<const float*>(panel)) {}
  void next_group() { row_scales += kGroupRows; }

  template <int kRows>
  QWENCH_INLINE void block(const char* quants, const char* heads, const Int8Rows& x, int64_t b,
                           __m256 (&sum)[kRows]) const {
    __m256i pair_dot[kRows][4], dot[kRows];
    const uint64_t places = Q4GTables::places(heads);
    unroll<4>([&](auto p) QWENCH_INLINE {
      const __m256i values = tables.pair(places, p), w = load(quants + 32 * p);
      const __m256i low = _mm256_shuffle_epi8(values, low_nibbles(w));
      const __m256i high = _mm256_shuffle_epi8(values, high_nibbles(w));
      unroll<kRows>([&](auto r) QWENCH_INLINE {
        const char* a = x.integers(r, b);
        const __m256i s = _mm256_add_epi16(_mm256_maddubs_epi16(low, broadcast16(a)),
                                           _mm256_maddubs_epi16(high, broadcast16(a + 16)));
        pair_dot[r][p] = _mm256_madd_epi16(s, _mm256_set1_epi16(1));
        keep(pair_dot[r][p]);
      });
    });
    unroll<kRows>([&](auto r) QWENCH_INLINE {
      dot[r] = _mm256_add_epi32(lane_sums(pair_dot[r]), broadcast4(x.correction(r, b)));
    });
    accumulate(x, b, q4g_scales(heads, _mm256_loadu_ps(row_scales)), dot, sum);
  }
};

/// sums[row][0..7] of one group of 8 output rows and kRows rows of activations; `sums` has
/// kPanelRows floats a row. One function per format, so that GCC allots registers for one loop.
template <class Format, int kRows>
__attribute__((noinline)) void gemv_group(const Format& format, const char* group,
                                          const Int8Rows& x, float* sums) {
  constexpr int64_t kQuants = quants_bytes(Format::kType), kScales = scales_bytes(Format::kType);
  __m256 sum[kRows];
  for (__m256& s : sum) s = _mm256_setzero_ps();
  for (int64_t b = 0; b < x.n_blocks;) {
    const int64_t n = std::min(kChunkBlocks, x.n_blocks - b);
    const char* scales = group + n * kQuants;
    for (int64_t i = 0; i < n; ++i, ++b) {
      for (int64_t line = 0; line < kQuants; line += 64)
        _mm_prefetch(group + i * kQuants + line + kPrefetchBytes, _MM_HINT_T0);
      format.template block<kRows>(group + i * kQuants, scales + i * kScales, x, b, sum);
    }
    _mm_prefetch(scales + kPrefetchBytes, _MM_HINT_T0);
    group += n * (kQuants + kScales);
  }
  for (int r = 0; r < kRows; ++r) _mm256_storeu_ps(sums + r * kPanelRows, sum[r]);
}

template <class Format>
void gemv_panel(const char* panel, const QuantRows& rows, float* sums) {
  Format format(panel);
  for (int64_t g = 0; g < kPanelRows / kGroupRows; ++g, format.next_group())
    for (int64_t row = 0; row < rows.n_rows; row += kMostRows) {
      const Int8Rows x{rows.at(0, row), rows.stride(0), rows.n_blocks};
      const char* group = panel + group_offset(Format::kType, rows.n_blocks, g);
      float* to = sums + row * kPanelRows + g * kGroupRows;
      const int64_t n = std::min<int64_t>(kMostRows, rows.n_rows - row);
      with_count<kMostRows>(n,
                            [&](auto count) { gemv_group<Format, count>(format, group, x, to); });
    }
}

}  // namespace

void quant_gemv_avx2(DType t, const void* panel, const QuantRows& rows, float* sums) {
  const char* at = static_cast<const char*>(panel);
  if (t == DType::kQ8_0) gemv_panel<Q8_0>(at, rows, sums);
  if (t == DType::kQ4_0) gemv_panel<Q4_0>(at, rows, sums);
  if (t == DType::kQ4G) gemv_panel<Q4G>(at, rows, sums);
}

}  // namespace qwench::cpu
