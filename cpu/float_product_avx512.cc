// Many rows of activations against a panel of floats with vectors of 512 bits: a piece of the panel
// is widened to f32 once (16 KB, stays in L1) and meets 12 tokens at a time: 2 x 12 accumulators of
// 16 rows, 24 multiply-adds for 14 loads. Sums wait in L2 between pieces.
#include <immintrin.h>

#include <algorithm>
#include <cstring>

#include "cpu/float_product.h"
#include "cpu/tile_avx2.h"

namespace qwench::cpu {

namespace {

constexpr int kVectors = kPanelRows / 16, kTokensAtOnce = 12;

/// The even and odd columns of a pair of bf16, 16 rows.
inline void store_pair(const uint16_t* pair, float* even, float* odd) {
  const __m512i both = _mm512_loadu_si512(pair);
  _mm512_storeu_ps(even, _mm512_castsi512_ps(_mm512_slli_epi32(both, 16)));
  _mm512_storeu_ps(
      odd, _mm512_castsi512_ps(_mm512_and_si512(both, _mm512_set1_epi32(int(0xffff0000u)))));
}

/// Columns [k0, k0 + n) of a panel as f32 [n][32]; f32 panels are used where they lie.
const float* widen(DType dtype, const void* panel, int64_t k0, int64_t n, float* to) {
  if (dtype == DType::kF32) return static_cast<const float*>(panel) + k0 * kPanelRows;
  const uint16_t* w = static_cast<const uint16_t*>(panel) + k0 * kPanelRows;
  if (dtype == DType::kF16) {
    for (int64_t i = 0; i < n * kPanelRows; i += 16) {
      const __m256i h = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w + i));
      _mm512_storeu_ps(to + i, _mm512_cvtph_ps(h));
    }
    return to;
  }
  for (int64_t k = 0; k < n; k += 2, w += 2 * kPanelRows, to += 2 * kPanelRows)
    for (int v = 0; v < kVectors; ++v)
      store_pair(w + 32 * v, to + 16 * v, to + kPanelRows + 16 * v);
  return to - round_up(n, 2) * kPanelRows;
}

/// sums[t][32] += sum over k < n, ascending, of x[t][k] * w[k][32]; strides in floats.
template <int kTokens>
__attribute__((noinline)) void tile512(const float* w, const float* x, int64_t x_stride, int64_t n,
                                       float* sums) {
  __m512 acc[kTokens][kVectors];
  unroll<kTokens>([&](auto t) QWENCH_INLINE {
    unroll<kVectors>(
        [&](auto v) QWENCH_INLINE { acc[t][v] = _mm512_loadu_ps(sums + t * kPanelRows + 16 * v); });
  });
  for (int64_t k = 0; k < n; ++k, w += kPanelRows) {
    __m512 wk[kVectors];
    unroll<kVectors>([&](auto v) QWENCH_INLINE { wk[v] = _mm512_loadu_ps(w + 16 * v); });
    unroll<kTokens>([&](auto t) QWENCH_INLINE {
      const __m512 xk = _mm512_set1_ps(x[t * x_stride + k]);
      unroll<kVectors>([&](auto v)
                           QWENCH_INLINE { acc[t][v] = _mm512_fmadd_ps(wk[v], xk, acc[t][v]); });
    });
  }
  unroll<kTokens>([&](auto t) QWENCH_INLINE {
    unroll<kVectors>(
        [&](auto v) QWENCH_INLINE { _mm512_storeu_ps(sums + t * kPanelRows + 16 * v, acc[t][v]); });
  });
}

using Tile = void (*)(const float* w, const float* x, int64_t x_stride, int64_t n, float* sums);
template <int... kTokens>
constexpr Tile tile_of(std::integer_sequence<int, kTokens...>, int64_t n) {
  constexpr Tile kTiles[] = {tile512<kTokens + 1>...};
  return kTiles[n - 1];
}

}  // namespace

void float_gemm_avx512(DType dtype, const void* panel, const float* x, int64_t in, int64_t n_tokens,
                       float* widened, float* sums) {
  std::memset(sums, 0, size_t(n_tokens * kPanelRows) * sizeof(float));
  for (int64_t k0 = 0; k0 < in; k0 += kWidenedK) {
    const int64_t n = std::min(kWidenedK, in - k0);
    const float* w = widen(dtype, panel, k0, n, widened);
    for (int64_t t = 0; t < n_tokens; t += kTokensAtOnce) {
      const int64_t tokens = std::min<int64_t>(kTokensAtOnce, n_tokens - t);
      tile_of(std::make_integer_sequence<int, kTokensAtOnce>{}, tokens)(w, x + t * in + k0, in, n,
                                                                        sums + t * kPanelRows);
    }
  }
}

}  // namespace qwench::cpu
