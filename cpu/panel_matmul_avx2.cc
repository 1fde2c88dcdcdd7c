// GEMV: one panel of 32 rows at a time, 16-bit weights widened in registers, four chains of 8 rows.
// GEMM: a panel's K chunk is widened to f32 once (16 KB, stays in L1) and meets three tokens at a
// time: 4 x 3 accumulators of 8 rows, 12 multiply-adds for 7 loads. Sums wait in L2 between chunks,
// so every output sees the same chain as in the GEMV. Weights are read from memory once per block of
// tokens. Quantised weights meet int8 activations, which all matrices of a call share: see
// quant_product.h.
#include <algorithm>
#include <cstring>

#include "cpu/ops.h"
#include "cpu/panel_matmul.h"
#include "cpu/quant_product.h"
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
  union {
    alignas(64) float widened[kChunk * kPanelRows];
    alignas(64) char unpacked[kUnpackedBytes];
  };
  alignas(64) float sums[2][kTokenBlock * kPanelRows];  // second half: the up projection
};
static_assert(sizeof(Scratch) <= Team::kScratchBytes, "scratch too small");

/// Rows of activations that the shared scratch holds in their largest form.
int64_t tokens_in_scratch(int64_t in) {
  return Team::kSharedBytes / (ceil_div(in, kQuantBlock) * block_bytes(RowForm::kInt16));
}

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

/// The activations of one block of tokens, in the form that the weights' type reads.
struct Block {
  int64_t first = 0, n_tokens = 0;
  const float* x = nullptr;
  QuantRows rows;
};

/// Tokens [first, ...) of x, at most n; quantises them when the weights are quantised.
Block make_block(Team& team, const TensorView& x, DType weights, int64_t first, int64_t n) {
  Block block;
  block.first = first, block.n_tokens = std::min(n, x.rows() - first);
  block.x = x.row<const float>(first);
  if (!is_quantized(weights)) return block;
  block.rows = rows_for(weights, block.n_tokens, x.cols() / kQuantBlock);
  block.rows.data = static_cast<char*>(team.shared_scratch());
  quantize_rows_avx2(team, block.x, zero_point(weights), block.rows);
  return block;
}

/// Tokens per block: as many as there is scratch for, in blocks of about one size.
int64_t tokens_per_block(DType weights, int64_t in, int64_t n_tokens) {
  int64_t most = kTokenBlock;
  if (is_quantized(weights)) most = std::min(most, tokens_in_scratch(in));
  return ceil_div(n_tokens, std::max<int64_t>(1, ceil_div(n_tokens, most)));
}

void multiply(const WeightView& w, int64_t panel, const Block& block, Scratch& scratch,
              float* sums) {
  const char* at = static_cast<const char*>(w.packed) + panel * panel_bytes(w.dtype, w.in);
  if (is_quantized(w.dtype))
    quant_product_avx2(w.dtype, at, block.rows, scratch.unpacked, sums);
  else if (block.n_tokens == 1)
    gemv_panel(w.dtype, at, block.x, w.in, sums);
  else
    gemm_panel(w.dtype, at, block.x, w.in, block.n_tokens, scratch.widened, sums);
}

/// y[t][first row of the panel ...] = sums[t] (+ bias), the rows that exist.
void store_rows(const LinearArgs& a, int64_t panel, const Block& block, const float* sums) {
  const int64_t first = panel * kPanelRows, rows = std::min(kPanelRows, a.w.out - first);
  const float* bias = a.bias ? a.bias.as<const float>() + first : nullptr;
  for (int64_t t = 0; t < block.n_tokens; ++t, sums += kPanelRows) {
    float* y = a.y.row<float>(block.first + t) + first;
    if (!bias) {
      std::memcpy(y, sums, size_t(rows) * sizeof(float));
    } else {
      for (int64_t r = 0; r < rows; ++r) y[r] = sums[r] + bias[r];
    }
  }
}

/// One block of tokens against all panels of n matrices.
void multiply_block(Team& team, const LinearArgs* matmuls, int n, const Block& block) {
  int64_t panels = 0;
  for (int i = 0; i < n; ++i) panels += ceil_div(matmuls[i].w.out, kPanelRows);
  team.parallel_for(panels, 1, [&](int64_t begin, int64_t end, int thread) {
    Scratch& scratch = *static_cast<Scratch*>(team.scratch(thread));
    for (int64_t p = begin; p < end; ++p) {
      int64_t panel = p;
      const LinearArgs* a = matmuls;
      for (; panel >= ceil_div(a->w.out, kPanelRows); ++a) panel -= ceil_div(a->w.out, kPanelRows);
      if (p == begin || panel == 0) prefetch_start(a->w, panel);
      multiply(a->w, panel, block, scratch, scratch.sums[0]);
      store_rows(*a, panel, block, scratch.sums[0]);
    }
  });
}

void gate_up_block(Team& team, const GateUpSwiGluArgs& a, const Block& block) {
  const int64_t panels = ceil_div(a.w_gate.out, kPanelRows);
  team.parallel_for(panels, 1, [&](int64_t begin, int64_t end, int thread) {
    Scratch& scratch = *static_cast<Scratch*>(team.scratch(thread));
    float *gate = scratch.sums[0], *up = scratch.sums[1];
    prefetch_start(a.w_gate, begin);
    prefetch_start(a.w_up, begin);
    for (int64_t panel = begin; panel < end; ++panel) {
      multiply(a.w_gate, panel, block, scratch, gate);
      multiply(a.w_up, panel, block, scratch, up);
      for (int64_t i = 0; i < block.n_tokens * kPanelRows; i += 8)
        _mm256_store_ps(gate + i, swiglu_ps(_mm256_load_ps(gate + i), _mm256_load_ps(up + i)));
      store_rows(LinearArgs{a.x, a.w_gate, {}, a.h}, panel, block, gate);
    }
  });
}

}  // namespace

void panel_matmul_avx2(Team& team, const LinearArgs* matmuls, int n) {
  const TensorView& x = matmuls->x;
  const DType dtype = matmuls->w.dtype;
  const int64_t tokens = tokens_per_block(dtype, x.cols(), x.rows());
  for (int64_t t0 = 0; t0 < x.rows(); t0 += tokens)
    multiply_block(team, matmuls, n, make_block(team, x, dtype, t0, tokens));
}

void panel_gate_up_swiglu_avx2(Team& team, const GateUpSwiGluArgs& a) {
  const DType dtype = a.w_gate.dtype;
  const int64_t tokens = tokens_per_block(dtype, a.x.cols(), a.x.rows());
  for (int64_t t0 = 0; t0 < a.x.rows(); t0 += tokens)
    gate_up_block(team, a, make_block(team, a.x, dtype, t0, tokens));
}

/// Why a kernel for `dtype` does not take other weights.
static const char* reads(DType dtype) {
  switch (dtype) {
    case DType::kF32: return "reads f32 weights";
    case DType::kF16: return "reads f16 weights";
    case DType::kBF16: return "reads bf16 weights";
    case DType::kQ8_0: return "reads q8_0 weights";
    case DType::kQ4_0: return "reads q4_0 weights";
    default: return "reads q4g weights";
  }
}

const char* panel_avx2_unsupported(const WeightView& w, DType dtype) {
  if (const char* missing = avx2_missing()) return missing;
  if (!w.packed) return "the packed layout is not held";
  if (w.dtype != dtype) return reads(dtype);
  if (is_quantized(dtype) && tokens_in_scratch(w.in) == 0)
    return "a row of activations exceeds the scratch memory";
  return nullptr;
}

}  // namespace qwench::cpu
