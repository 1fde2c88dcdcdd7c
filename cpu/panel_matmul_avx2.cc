// GEMV: one panel of 32 rows at a time, 16-bit weights widened in registers, four chains of 8 rows.
// GEMM: a panel's K chunk is widened to f32 once (16 KB, stays in L1) and meets three tokens at a
// time: 4 x 3 accumulators of 8 rows, 12 multiply-adds for 7 loads. Sums wait in L2 between chunks,
// so every output sees the same chain as in the GEMV. Weights are read from memory once.
#include <algorithm>
#include <cstring>

#include "cpu/ops.h"
#include "cpu/panel_matmul.h"
#include "cpu/simd_avx2.h"
#include "cpu/tile_avx2.h"

namespace qwench::cpu {

namespace {

constexpr int64_t kChunk = 128;       // k per widened piece: 128 x 32 floats = 16 KB
constexpr int64_t kTokenBlock = 512;  // tokens whose sums are kept: 512 x 32 floats = 64 KB
constexpr int kVectors = kPanelRows / 8;
constexpr int64_t kPrefetchBytes = 4096;

/// Per-thread scratch of the GEMM.
struct Scratch {
  alignas(64) float widened[kChunk * kPanelRows];
  alignas(64) float sums[2][kTokenBlock * kPanelRows];  // second half: the up projection
};
static_assert(sizeof(Scratch) <= Team::kScratchBytes, "scratch too small");

inline void prefetch(const void* p) {
  _mm_prefetch(static_cast<const char*>(p) + kPrefetchBytes, _MM_HINT_T0);
}

/// Asks for the start of a run of panels at once, before the loop's own prefetches reach ahead.
inline void prefetch_start(const WeightView& w, int64_t panel) {
  const char* at = static_cast<const char*>(w.packed) + panel * panel_bytes(w.dtype, w.in);
  const int64_t bytes = std::min(kPrefetchBytes, panel_bytes(w.dtype, w.in));
  for (int64_t i = 0; i < bytes; i += 64) _mm_prefetch(at + i, _MM_HINT_T0);
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

void gemv_panel(DType dtype, const void* panel, const float* x, int64_t in, float* sums) {
  __m256 sum[kVectors];
  for (__m256& s : sum) s = _mm256_setzero_ps();
  if (dtype == DType::kF32) gemv_f32(static_cast<const float*>(panel), x, in, sum);
  if (dtype == DType::kF16) gemv_f16(static_cast<const uint16_t*>(panel), x, in, sum);
  if (dtype == DType::kBF16) gemv_bf16(static_cast<const uint16_t*>(panel), x, in, sum);
  for (int v = 0; v < kVectors; ++v) _mm256_storeu_ps(sums + 8 * v, sum[v]);
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

/// sums[t][32] = panel x tokens.
void gemm_panel(DType dtype, const void* panel, const float* x, int64_t in, int64_t n_tokens,
                float* widened, float* sums) {
  std::memset(sums, 0, size_t(n_tokens * kPanelRows) * sizeof(float));
  for (int64_t k0 = 0; k0 < in; k0 += kChunk) {
    const int64_t n = std::min(kChunk, in - k0);
    const float* w = widen(dtype, panel, k0, n, widened);
    for (int64_t t = 0; t < n_tokens; t += 3)
      tile_rows<kVectors>(int(std::min<int64_t>(3, n_tokens - t)), w, kPanelRows, x + t * in + k0,
                          in, n, sums + t * kPanelRows, kPanelRows);
  }
}

void multiply(const WeightView& w, int64_t panel, const float* x, int64_t n_tokens, float* widened,
              float* sums) {
  const char* at = static_cast<const char*>(w.packed) + panel * panel_bytes(w.dtype, w.in);
  if (n_tokens == 1)
    gemv_panel(w.dtype, at, x, w.in, sums);
  else
    gemm_panel(w.dtype, at, x, w.in, n_tokens, widened, sums);
}

/// y[t][first row of the panel ...] = sums[t] (+ bias), the rows that exist.
void store_rows(const LinearArgs& a, int64_t panel, int64_t t0, int64_t n_tokens,
                const float* sums) {
  const int64_t first = panel * kPanelRows, rows = std::min(kPanelRows, a.w.out - first);
  const float* bias = a.bias ? a.bias.as<const float>() + first : nullptr;
  for (int64_t t = 0; t < n_tokens; ++t, sums += kPanelRows) {
    float* y = a.y.row<float>(t0 + t) + first;
    if (!bias) {
      std::memcpy(y, sums, size_t(rows) * sizeof(float));
    } else {
      for (int64_t r = 0; r < rows; ++r) y[r] = sums[r] + bias[r];
    }
  }
}

void matmul_one_panel(const LinearArgs& a, int64_t panel, Scratch& scratch) {
  for (int64_t t0 = 0; t0 < a.x.rows(); t0 += kTokenBlock) {
    const int64_t n = std::min(kTokenBlock, a.x.rows() - t0);
    multiply(a.w, panel, a.x.row<const float>(t0), n, scratch.widened, scratch.sums[0]);
    store_rows(a, panel, t0, n, scratch.sums[0]);
  }
}

}  // namespace

void panel_matmul_avx2(Team& team, const LinearArgs* matmuls, int n) {
  int64_t panels = 0;
  for (int i = 0; i < n; ++i) panels += ceil_div(matmuls[i].w.out, kPanelRows);
  team.parallel_for(panels, 1, [&](int64_t begin, int64_t end, int thread) {
    Scratch& scratch = *static_cast<Scratch*>(team.scratch(thread));
    for (int64_t p = begin; p < end; ++p) {
      int64_t panel = p;
      const LinearArgs* a = matmuls;
      for (; panel >= ceil_div(a->w.out, kPanelRows); ++a) panel -= ceil_div(a->w.out, kPanelRows);
      if (p == begin || panel == 0) prefetch_start(a->w, panel);
      matmul_one_panel(*a, panel, scratch);
    }
  });
}

void panel_gate_up_swiglu_avx2(Team& team, const GateUpSwiGluArgs& a) {
  const int64_t panels = ceil_div(a.w_gate.out, kPanelRows);
  team.parallel_for(panels, 1, [&](int64_t begin, int64_t end, int thread) {
    Scratch& scratch = *static_cast<Scratch*>(team.scratch(thread));
    float *gate = scratch.sums[0], *up = scratch.sums[1];
    prefetch_start(a.w_gate, begin);
    prefetch_start(a.w_up, begin);
    for (int64_t panel = begin; panel < end; ++panel)
      for (int64_t t0 = 0; t0 < a.x.rows(); t0 += kTokenBlock) {
        const int64_t n = std::min(kTokenBlock, a.x.rows() - t0);
        const float* x = a.x.row<const float>(t0);
        multiply(a.w_gate, panel, x, n, scratch.widened, gate);
        multiply(a.w_up, panel, x, n, scratch.widened, up);
        for (int64_t i = 0; i < n * kPanelRows; i += 8)
          _mm256_store_ps(gate + i, swiglu_ps(_mm256_load_ps(gate + i), _mm256_load_ps(up + i)));
        store_rows(LinearArgs{a.x, a.w_gate, {}, a.h}, panel, t0, n, gate);
      }
  });
}

const char* panel_avx2_unsupported(const WeightView& w, DType dtype) {
  if (const char* missing = avx2_missing()) return missing;
  if (!w.packed) return "the packed layout is not held";
  if (w.dtype == dtype) return nullptr;
  return dtype == DType::kF32   ? "reads f32 weights"
         : dtype == DType::kF16 ? "reads f16 weights"
                                : "reads bf16 weights";
}

}  // namespace qwench::cpu
