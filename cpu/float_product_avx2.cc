// Products of one packed panel of floats with rows of activations (AVX2).
// GEMV: 16-bit weights widened in registers, four chains of 8 rows.
// GEMM: a panel's K chunk is widened to f32 once (16 KB, stays in L1) and meets three tokens at a
// time: 4 x 3 accumulators of 8 rows, 12 multiply-adds for 7 loads. Sums wait in L2 between chunks,
// so every output sees the same chain as in the GEMV.
#include <algorithm>
#include <cstring>

#include "cpu/float_product.h"
#include "cpu/simd_avx2.h"
#include "cpu/tile_avx2.h"

namespace qwench::cpu {

namespace {

constexpr int kVectors = kPanelRows / 8;

inline void prefetch(const void* p) {
  _mm_prefetch(static_cast<const char*>(p) + kFloatPrefetchBytes, _MM_HINT_T0);
}

/// sums[32] = panel x (one token). Formula and order as in the GEMM below.
void gemv_f32(const float* w, const float* x, int64_t in, __m256 (&sum)[kVectors]) {
  for (int64_t k = 0; k < in; ++k, w += kPanelRows) {
    const __m256 xk = _mm256_broadcast_ss(x + k);
    prefetch(w), prefetch(w + 16);
    for (int v = 0; v < kVectors; ++v)
      sum[v] = _mm256_fmadd_ps(_mm256_loadu_ps(w + 8 * v), xk, sum[v]);
  }
}

void gemv_f16(const uint16_t* w, const float* x, int64_t in, __m256 (&sum)[kVectors]) {
  for (int64_t k = 0; k < in; ++k, w += kPanelRows) {
    const __m256 xk = _mm256_broadcast_ss(x + k);
    prefetch(w);
    for (int v = 0; v < kVectors; ++v) sum[v] = _mm256_fmadd_ps(load_f16(w + 8 * v), xk, sum[v]);
  }
}

/// The two bf16 values of each 32-bit lane as f32.
inline __m256 even_bf16(__m256i pair) { return _mm256_castsi256_ps(_mm256_slli_epi32(pair, 16)); }
inline __m256 odd_bf16(__m256i pair) {
  return _mm256_castsi256_ps(_mm256_and_si256(pair, _mm256_set1_epi32(int(0xffff0000u))));
}

void gemv_bf16(const uint16_t* w, const float* x, int64_t in, __m256 (&sum)[kVectors]) {
  const auto load_pair = [](const uint16_t* p) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  };
  for (int64_t k = 0; k + 1 < in; k += 2, w += 2 * kPanelRows) {
    const __m256 x0 = _mm256_broadcast_ss(x + k), x1 = _mm256_broadcast_ss(x + k + 1);
    prefetch(w), prefetch(w + 32);
    for (int v = 0; v < kVectors; ++v) {
      const __m256i pair = load_pair(w + 16 * v);
      sum[v] = _mm256_fmadd_ps(even_bf16(pair), x0, sum[v]);
      sum[v] = _mm256_fmadd_ps(odd_bf16(pair), x1, sum[v]);
    }
  }
  if (in % 2 == 0) return;
  const __m256 last = _mm256_broadcast_ss(x + in - 1);
  for (int v = 0; v < kVectors; ++v)
    sum[v] = _mm256_fmadd_ps(even_bf16(load_pair(w + 16 * v)), last, sum[v]);
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
  __m256 sum[kVectors];
  for (__m256& s : sum) s = _mm256_setzero_ps();
  if (dtype == DType::kF32) gemv_f32(static_cast<const float*>(panel), x, in, sum);
  if (dtype == DType::kF16) gemv_f16(static_cast<const uint16_t*>(panel), x, in, sum);
  if (dtype == DType::kBF16) gemv_bf16(static_cast<const uint16_t*>(panel), x, in, sum);
  for (int v = 0; v < kVectors; ++v) _mm256_storeu_ps(sums + 8 * v, sum[v]);
}

void float_gemm_avx2(DType dtype, const void* panel, const float* x, int64_t in, int64_t n_tokens,
                     float* widened, float* sums) {
  std::memset(sums, 0, size_t(n_tokens * kPanelRows) * sizeof(float));
  for (int64_t k0 = 0; k0 < in; k0 += kWidenedK) {
    const int64_t n = std::min(kWidenedK, in - k0);
    const float* w = widen(dtype, panel, k0, n, widened);
    for (int64_t t = 0; t < n_tokens; t += 3)
      tile_rows<kVectors>(int(std::min<int64_t>(3, n_tokens - t)), w, kPanelRows, x + t * in + k0,
                          in, n, sums + t * kPanelRows, kPanelRows);
  }
}

}  // namespace qwench::cpu
