// Rows of bf16 activations against a panel of bf16 weights, 12 rows at a time: 2 x 12 accumulators of 16
// outputs. A lane of the packed layout is the pair of k that vdpbf16ps multiplies.
#include "cpu/bf16_product.h"

#include <immintrin.h>

#include <algorithm>

#include "cpu/float_product.h"
#include "cpu/tile_avx2.h"

namespace qwench::cpu {

namespace {

constexpr int kVectors = kPanelRows / 16, kRowsAtOnce = 12;

/// sums[kRows][32] = panel x kRows rows of `pairs` pairs.
template <int kRows>
__attribute__((noinline)) void tile(const char* panel, const uint16_t* x, int64_t pairs,
                                    float* sums) {
  __m512 acc[kRows][kVectors];
  unroll<kRows>([&](auto r) QWENCH_INLINE {
    unroll<kVectors>([&](auto v) QWENCH_INLINE { acc[r][v] = _mm512_setzero_ps(); });
  });
  for (int64_t pair = 0; pair < pairs; ++pair, panel += 64 * kVectors) {
    __m512bh w[kVectors];
    unroll<kVectors>([&](auto v) QWENCH_INLINE {
      _mm_prefetch(panel + 64 * v + kFloatPrefetchBytes, _MM_HINT_T0);
      w[v] = (__m512bh)_mm512_loadu_si512(panel + 64 * v);
    });
    unroll<kRows>([&](auto r) QWENCH_INLINE {
      int both;
      __builtin_memcpy(&both, x + 2 * (r * pairs + pair), sizeof both);
      const __m512bh a = (__m512bh)_mm512_set1_epi32(both);
      unroll<kVectors>([&](auto v)
                           QWENCH_INLINE { acc[r][v] = _mm512_dpbf16_ps(acc[r][v], a, w[v]); });
    });
  }
  unroll<kRows>([&](auto r) QWENCH_INLINE {
    unroll<kVectors>(
        [&](auto v) QWENCH_INLINE { _mm512_storeu_ps(sums + r * kPanelRows + 16 * v, acc[r][v]); });
  });
}

}  // namespace

void bf16_rows_avx512bf16(Team& team, const float* x, int64_t n, int64_t in, uint16_t* to) {
  constexpr int64_t kRowsAtLeast = 4;
  team.parallel_for(n, kRowsAtLeast, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      const float* from = x + row * in;
      uint16_t* out = to + row * bf16_row(in);
      if (in % 2) out[in] = 0;
      for (int64_t k = 0; k < in; k += 16) {
        const auto mask = __mmask16(in - k < 16 ? (1 << (in - k)) - 1 : 0xffff);
        const __m512 v = _mm512_maskz_loadu_ps(mask, from + k);
        _mm256_mask_storeu_epi16(out + k, mask, (__m256i)_mm512_cvtneps_pbh(v));
      }
    }
  });
}

void bf16_product_avx512bf16(const void* panel, const uint16_t* x, int64_t in, int64_t n,
                             float* sums) {
  const int64_t row = bf16_row(in);
  for (int64_t t = 0; t < n; t += kRowsAtOnce)
    with_count<kRowsAtOnce>(std::min<int64_t>(kRowsAtOnce, n - t), [&](auto rows) {
      tile<rows>(static_cast<const char*>(panel), x + t * row, row / 2, sums + t * kPanelRows);
    });
}

}  // namespace qwench::cpu
