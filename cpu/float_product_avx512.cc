// Rows of activations against a panel of floats with vectors of 512 bits, 12 tokens at a time: 2 x 12
// accumulators of 16 rows. Weights are widened in registers as they lie in memory or, from the second
// twelve tokens on, in L2: 24 multiply-adds a step leave the time for it.
#include <immintrin.h>

#include <algorithm>

#include "cpu/float_product.h"
#include "cpu/tile_avx2.h"

namespace qwench::cpu {

namespace {

constexpr int kVectors = kPanelRows / 16, kTokensAtOnce = 12;

/// The even and odd columns of a pair of bf16, 16 rows.
inline void split_pair(const void* pair, __m512& even, __m512& odd) {
  const __m512i both = _mm512_loadu_si512(pair);
  even = _mm512_castsi512_ps(_mm512_slli_epi32(both, 16));
  odd = _mm512_castsi512_ps(_mm512_and_si512(both, _mm512_set1_epi32(int(0xffff0000u))));
}

/// sums[t][32] = panel x kTokens rows, from the packed weights at once.
template <DType kType, int kTokens>
__attribute__((noinline)) void direct512(const void* panel, const float* x, int64_t in,
                                         float* sums) {
  constexpr int64_t kRowBytes = kPanelRows * (kType == DType::kF32 ? 4 : 2);  // of one k
  __m512 acc[kTokens][kVectors];
  unroll<kTokens>([&](auto t) QWENCH_INLINE {
    unroll<kVectors>([&](auto v) QWENCH_INLINE { acc[t][v] = _mm512_setzero_ps(); });
  });
  const auto add = [&](const __m512(&w)[kVectors], int64_t k) QWENCH_INLINE {
    unroll<kTokens>([&](auto t) QWENCH_INLINE {
      const __m512 xk = _mm512_set1_ps(x[t * in + k]);
      unroll<kVectors>([&](auto v)
                           QWENCH_INLINE { acc[t][v] = _mm512_fmadd_ps(w[v], xk, acc[t][v]); });
    });
  };
  const char* at = static_cast<const char*>(panel);
  constexpr int64_t kStep = kType == DType::kBF16 ? 2 : 1;
  for (int64_t k = 0; k < in; k += kStep, at += kStep * kRowBytes) {
    for (int64_t line = 0; line < kStep * kRowBytes; line += 64)
      _mm_prefetch(at + line + kFloatPrefetchBytes, _MM_HINT_T0);
    __m512 w[kVectors], odd[kVectors];
    unroll<kVectors>([&](auto v) QWENCH_INLINE {
      if constexpr (kType == DType::kF32) w[v] = _mm512_loadu_ps(at + 64 * v);
      if constexpr (kType == DType::kF16)
        w[v] = _mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(at + 32 * v)));
      if constexpr (kType == DType::kBF16) split_pair(at + 64 * v, w[v], odd[v]);
    });
    add(w, k);
    if (kType == DType::kBF16 && k + 1 < in) add(odd, k + 1);
  }
  unroll<kTokens>([&](auto t) QWENCH_INLINE {
    unroll<kVectors>(
        [&](auto v) QWENCH_INLINE { _mm512_storeu_ps(sums + t * kPanelRows + 16 * v, acc[t][v]); });
  });
}

/// The same for up to kTokensAtOnce rows.
template <DType kType>
void direct_rows(const void* panel, const float* x, int64_t in, int64_t n, float* sums) {
  with_count<kTokensAtOnce>(n, [&](auto tokens) { direct512<kType, tokens>(panel, x, in, sums); });
}

}  // namespace

void float_gemm_avx512(DType dtype, const void* panel, const float* x, int64_t in, int64_t n_tokens,
                       float*, float* sums) {
  for (int64_t t = 0; t < n_tokens; t += kTokensAtOnce, x += kTokensAtOnce * in) {
    const int64_t n = std::min<int64_t>(kTokensAtOnce, n_tokens - t);
    float* to = sums + t * kPanelRows;
    if (dtype == DType::kF32) direct_rows<DType::kF32>(panel, x, in, n, to);
    if (dtype == DType::kF16) direct_rows<DType::kF16>(panel, x, in, n, to);
    if (dtype == DType::kBF16) direct_rows<DType::kBF16>(panel, x, in, n, to);
  }
}

}  // namespace qwench::cpu
