// Products of one packed panel of floats with rows of activations (AVX2), three tokens at a time: 4 x
// 3 accumulators of 8 rows. A few tokens take the weights as they lie in memory, widened in registers.
// For many a panel's K chunk is widened to f32 once (stays in L1): 12 multiply-adds for 7
// loads; sums wait in L2 between chunks, so every output sees the same chain.
#include <algorithm>

#include "cpu/cpu_info.h"
#include "cpu/float_product.h"
#include "cpu/simd_avx2.h"
#include "cpu/tile_avx2.h"

namespace qwench::cpu {

namespace {

constexpr int kVectors = kPanelRows / 8;
constexpr int64_t kFewTokens = 16;  // up to here the panel is read again rather than widened once

/// The two bf16 values of each 32-bit lane as f32.
inline __m256 even_bf16(__m256i pair) { return _mm256_castsi256_ps(_mm256_slli_epi32(pair, 16)); }
inline __m256 odd_bf16(__m256i pair) {
  return _mm256_castsi256_ps(_mm256_and_si256(pair, _mm256_set1_epi32(int(0xffff0000u))));
}
inline __m256i load_pair(const void* p) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(p));
}

/// acc[t][v] += x[t][k] * w(v) for kTokens rows.
template <int kTokens, class F>
QWENCH_INLINE inline void add_column(F&& w, const float* x, int64_t in,
                                     __m256 (&acc)[kTokens][kVectors]) {
  __m256 xk[kTokens];
  unroll<kTokens>([&](auto t) QWENCH_INLINE { xk[t] = _mm256_broadcast_ss(x + t * in); });
  unroll<kVectors>([&](auto v) QWENCH_INLINE {
    const __m256 wv = w(v);
    unroll<kTokens>([&](auto t)
                        QWENCH_INLINE { acc[t][v] = _mm256_fmadd_ps(wv, xk[t], acc[t][v]); });
  });
}

/// sums[t][32] = panel x kTokens rows, weights widened in registers as they lie in memory.
template <DType kType, int kTokens>
__attribute__((noinline)) void direct(const void* panel, const float* x, int64_t in, float* sums) {
  constexpr int64_t kStep = kType == DType::kBF16 ? 2 : 1;
  constexpr int64_t kBytes = kPanelRows * kStep * (kType == DType::kF32 ? 4 : 2);  // of a step
  __m256 acc[kTokens][kVectors];
  unroll<kTokens>([&](auto t) QWENCH_INLINE {
    unroll<kVectors>([&](auto v) QWENCH_INLINE { acc[t][v] = _mm256_setzero_ps(); });
  });
  const char* at = static_cast<const char*>(panel);
  for (int64_t k = 0; k < in; k += kStep, at += kBytes) {
    for (int64_t line = 0; line < kBytes; line += 64)
      _mm_prefetch(at + line + kFloatPrefetchBytes, _MM_HINT_T0);
    if constexpr (kType == DType::kBF16) {
      add_column<kTokens>([&](int v) QWENCH_INLINE { return even_bf16(load_pair(at + 32 * v)); },
                          x + k, in, acc);
      asm volatile("" ::: "memory");  // GCC would keep the pairs and spill the sums
      if (k + 1 < in)
        add_column<kTokens>([&](int v) QWENCH_INLINE { return odd_bf16(load_pair(at + 32 * v)); },
                            x + k + 1, in, acc);
    } else if constexpr (kType == DType::kF16) {
      const auto* w = reinterpret_cast<const uint16_t*>(at);
      add_column<kTokens>([&](int v) QWENCH_INLINE { return load_f16(w + 8 * v); }, x + k, in, acc);
    } else {
      const auto* w = reinterpret_cast<const float*>(at);
      add_column<kTokens>([&](int v) QWENCH_INLINE { return _mm256_loadu_ps(w + 8 * v); }, x + k,
                          in, acc);
    }
  }
  unroll<kTokens>([&](auto t) QWENCH_INLINE {
    unroll<kVectors>(
        [&](auto v) QWENCH_INLINE { _mm256_storeu_ps(sums + t * kPanelRows + 8 * v, acc[t][v]); });
  });
}

template <int kTokens>
void direct_of_type(DType type, const void* panel, const float* x, int64_t in, float* sums) {
  if (type == DType::kF32) direct<DType::kF32, kTokens>(panel, x, in, sums);
  if (type == DType::kF16) direct<DType::kF16, kTokens>(panel, x, in, sums);
  if (type == DType::kBF16) direct<DType::kBF16, kTokens>(panel, x, in, sums);
}

/// The same for any number of rows.
void direct_rows(DType type, const void* panel, const float* x, int64_t in, int64_t n_tokens,
                 float* sums) {
  for (; n_tokens > 0; n_tokens -= 3, x += 3 * in, sums += 3 * kPanelRows) {
    if (n_tokens == 1) return direct_of_type<1>(type, panel, x, in, sums);
    if (n_tokens == 2) return direct_of_type<2>(type, panel, x, in, sums);
    direct_of_type<3>(type, panel, x, in, sums);
  }
}

/// Columns of a piece that stays in L1 beside the activations and sums that pass through.
int64_t piece_columns() {
  constexpr int64_t kLargeL1 = 48 << 10;
  return cpu_info().l1d_bytes >= kLargeL1 ? kWidenedK : kWidenedK / 2;
}

/// Columns [k0, k0 + n) of a panel as f32 [n][32]; f32 panels are used where they lie.
const float* widen(DType dtype, const void* panel, int64_t k0, int64_t n, float* to) {
  if (dtype == DType::kF32) return static_cast<const float*>(panel) + k0 * kPanelRows;
  const uint16_t* w = static_cast<const uint16_t*>(panel) + k0 * kPanelRows;
  if (dtype == DType::kF16) {
    for (int64_t i = 0; i < n * kPanelRows; i += 8) _mm256_store_ps(to + i, load_f16(w + i));
    return to;
  }
  for (int64_t k = 0; k < n; k += 2, w += 2 * kPanelRows)
    for (int v = 0; v < kVectors; ++v) {
      const __m256i both = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(w + 16 * v));
      _mm256_store_ps(to + k * kPanelRows + 8 * v, even_bf16(both));
      _mm256_store_ps(to + (k + 1) * kPanelRows + 8 * v, odd_bf16(both));
    }
  return to;
}

}  // namespace

void float_gemv_avx2(DType dtype, const void* panel, const float* x, int64_t in, float* sums) {
  direct_of_type<1>(dtype, panel, x, in, sums);
}

void float_gemm_avx2(DType dtype, const void* panel, const float* x, int64_t in, int64_t n_tokens,
                     float* widened, float* sums) {
  if (n_tokens <= kFewTokens) return direct_rows(dtype, panel, x, in, n_tokens, sums);
  const int64_t columns = piece_columns();
  for (int64_t k0 = 0; k0 < in; k0 += columns) {
    const int64_t n = std::min(columns, in - k0);
    const float* w = widen(dtype, panel, k0, n, widened);
    for (int64_t t = 0; t < n_tokens; t += 3)
      tile_rows<kVectors>(int(std::min<int64_t>(3, n_tokens - t)), w, kPanelRows, x + t * in + k0,
                          in, n, k0 == 0, sums + t * kPanelRows, kPanelRows);
  }
}

}  // namespace qwench::cpu
