// The driver of all panel products: blocks of tokens, their activations in the form that the weights
// read, panels handed out to the team, sums stored where they belong. Weights are read from memory
// once per block of tokens. Quantised weights meet int8 activations, which all matrices of a call
// share.
#include <algorithm>
#include <cstring>

#include "cpu/bf16_product.h"
#include "cpu/float_product.h"
#include "cpu/ops.h"
#include "cpu/panel_matmul.h"
#include "cpu/quant_product.h"
#include "cpu/rms_avx2.h"
#include "cpu/simd_avx2.h"

namespace qwench::cpu {

namespace {

constexpr int64_t kTokenBlock = 512;  // tokens whose sums are kept: 512 x 32 floats = 64 KB

/// Per-thread scratch of the GEMM.
struct Scratch {
  union {
    alignas(64) float widened[kWidenedK * kPanelRows];
    alignas(64) char unpacked[kUnpackedBytes];
  };
  alignas(64) float sums[2][kTokenBlock * kPanelRows];  // second half: the up projection
};
static_assert(sizeof(Scratch) <= Team::kScratchBytes, "scratch too small");

/// Rows of activations that the shared scratch holds in their largest form.
int64_t tokens_in_scratch(DType weights, int64_t in) {
  constexpr int64_t kPadding = 16;  // blocks of a chunk that may be padded
  if (!is_quantized(weights)) return Team::kSharedBytes / (bf16_row(in) * 2);
  return Team::kSharedBytes /
         (round_up(ceil_div(in, kQuantBlock), kPadding) * block_bytes(RowForm::kInt16));
}

/// The activations of one block of tokens, in the form that the weights' type reads.
struct Block {
  int64_t first = 0, n_tokens = 0;
  const float* x = nullptr;
  const uint16_t* bf16 = nullptr;  // the same, where the products ask for it
  QuantRows rows;
};

inline void prefetch(const char* at, int64_t bytes) {
  for (int64_t i = 0; i < bytes; i += 64) _mm_prefetch(at + i, _MM_HINT_T0);
}

/// Asks for the start of a run of panels at once, before the loop's own prefetches reach ahead: the
/// first bytes of a panel that is read as one stream, the first piece of one that is unpacked.
inline void prefetch_start(const WeightView& w, int64_t panel, const Block& block) {
  const char* at = static_cast<const char*>(w.packed) + panel * panel_bytes(w.dtype, w.in);
  const QuantRows& rows = block.rows;
  if (!is_quantized(w.dtype) || rows.form == RowForm::kInt8Sums)
    return prefetch(at, std::min(kFloatPrefetchBytes, panel_bytes(w.dtype, w.in)));
  for (int64_t group = 0; group < kPanelRows / kGroupRows; ++group)
    prefetch(at + group_offset(w.dtype, rows.n_blocks, group),
             rows.blocks_of(0) * unit_bytes(w.dtype));
}

/// The block's rows normed, and quantised while they are in the cache where block.rows asks for it. A row
/// is one thread's; fewer tokens than take about a microsecond are not worth waking the team.
void norm_block(Team& team, const PanelInput& input, const Block& block) {
  constexpr int64_t kColumnsAtLeast = 2048;
  const int64_t dim = input.x.cols();
  team.parallel_for(block.n_tokens, ceil_div(kColumnsAtLeast, dim),
                    [&](int64_t begin, int64_t end, int) {
                      for (int64_t t = begin; t < end; ++t) {
                        float* normed = input.normed.row<float>(block.first + t);
                        rms_norm_row(input.x.row<const float>(block.first + t), dim, input.eps,
                                     input.norm.as<const float>(), normed);
                        if (block.rows.data) quantize_row_avx2(normed, block.rows, t);
                      }
                    });
}

/// Tokens [first, ...) of the input, at most n, in the form that the weights read.
Block make_block(Team& team, const PanelInput& input, DType weights, const PanelProducts& products,
                 int64_t first, int64_t n) {
  const TensorView& x = input.norm ? input.normed : input.x;
  Block block;
  block.first = first, block.n_tokens = std::min(n, x.rows() - first);
  block.x = x.row<const float>(first);
  if (is_quantized(weights)) {
    block.rows = products.quant_rows(weights, block.n_tokens, x.cols() / kQuantBlock);
    block.rows.data = static_cast<char*>(team.shared_scratch());
  }
  if (input.norm)
    norm_block(team, input, block);
  else if (block.rows.data)
    quantize_rows_avx2(team, block.x, block.rows);
  if (!is_quantized(weights) && products.bf16_rows) {
    auto* to = static_cast<uint16_t*>(team.shared_scratch());
    products.bf16_rows(team, block.x, block.n_tokens, x.cols(), to);
    block.bf16 = to;
  }
  return block;
}

/// Tokens per block: as many as there is scratch for, in blocks of about one size.
int64_t tokens_per_block(DType weights, const PanelProducts& products, int64_t in,
                         int64_t n_tokens) {
  int64_t most = kTokenBlock;
  if (is_quantized(weights) || products.bf16_rows)
    most = std::min(most, tokens_in_scratch(weights, in));
  return ceil_div(n_tokens, std::max<int64_t>(1, ceil_div(n_tokens, most)));
}

void multiply(const PanelProducts& products, const WeightView& w, int64_t panel, const Block& block,
              Scratch& scratch, float* sums) {
  const char* at = static_cast<const char*>(w.packed) + panel * panel_bytes(w.dtype, w.in);
  if (is_quantized(w.dtype))
    products.quant_product(w.dtype, at, block.rows, scratch.unpacked, sums);
  else if (block.bf16)
    products.bf16_product(at, block.bf16, w.in, block.n_tokens, sums);
  else if (block.n_tokens == 1)
    products.float_gemv(w.dtype, at, block.x, w.in, sums);
  else
    products.float_gemm(w.dtype, at, block.x, w.in, block.n_tokens, scratch.widened, sums);
}

/// y[t][first row of the panel ...] = sums[t] (+ bias), or += that; the rows that exist.
void store_rows(const LinearArgs& a, int64_t panel, const Block& block, const float* sums) {
  const int64_t first = panel * kPanelRows, rows = std::min(kPanelRows, a.w.out - first);
  const float* bias = a.bias ? a.bias.as<const float>() + first : nullptr;
  for (int64_t t = 0; t < block.n_tokens; ++t, sums += kPanelRows) {
    float* y = a.y.row<float>(block.first + t) + first;
    if (a.add) {
      for (int64_t r = 0; r < rows; ++r) y[r] += bias ? sums[r] + bias[r] : sums[r];
    } else if (bias) {
      for (int64_t r = 0; r < rows; ++r) y[r] = sums[r] + bias[r];
    } else {
      std::memcpy(y, sums, size_t(rows) * sizeof(float));
    }
  }
}

/// One block of tokens against all panels of n matrices.
void multiply_block(Team& team, const LinearArgs* matmuls, int n, const PanelProducts& products,
                    const Block& block) {
  int64_t panels = 0;
  for (int i = 0; i < n; ++i) panels += ceil_div(matmuls[i].w.out, kPanelRows);
  team.parallel_for(panels, 1, [&](int64_t begin, int64_t end, int thread) {
    Scratch& scratch = *static_cast<Scratch*>(team.scratch(thread));
    for (int64_t p = begin; p < end; ++p) {
      int64_t panel = p;
      const LinearArgs* a = matmuls;
      for (; panel >= ceil_div(a->w.out, kPanelRows); ++a) panel -= ceil_div(a->w.out, kPanelRows);
      if (p == begin || panel == 0) prefetch_start(a->w, panel, block);
      multiply(products, a->w, panel, block, scratch, scratch.sums[0]);
      store_rows(*a, panel, block, scratch.sums[0]);
    }
  });
}

void gate_up_block(Team& team, const NormGateUpArgs& a, const PanelProducts& products,
                   const Block& block) {
  const int64_t panels = ceil_div(a.w_gate.out, kPanelRows);
  const LinearArgs to_h{a.normed, a.w_gate, {}, a.h};
  team.parallel_for(panels, 1, [&](int64_t begin, int64_t end, int thread) {
    Scratch& scratch = *static_cast<Scratch*>(team.scratch(thread));
    float *gate = scratch.sums[0], *up = scratch.sums[1];
    prefetch_start(a.w_gate, begin, block);
    prefetch_start(a.w_up, begin, block);
    for (int64_t panel = begin; panel < end; ++panel) {
      multiply(products, a.w_gate, panel, block, scratch, gate);
      multiply(products, a.w_up, panel, block, scratch, up);
      for (int64_t i = 0; i < block.n_tokens * kPanelRows; i += 8)
        _mm256_store_ps(gate + i, swiglu_ps(_mm256_load_ps(gate + i), _mm256_load_ps(up + i)));
      store_rows(to_h, panel, block, gate);
    }
  });
}

}  // namespace

void panel_matmul(Team& team, const PanelInput& input, const LinearArgs* matmuls, int n,
                  const PanelProducts& products) {
  const TensorView& x = input.x;
  const DType dtype = matmuls->w.dtype;
  const int64_t tokens = tokens_per_block(dtype, products, x.cols(), x.rows());
  for (int64_t t0 = 0; t0 < x.rows(); t0 += tokens)
    multiply_block(team, matmuls, n, products,
                   make_block(team, input, dtype, products, t0, tokens));
}

void panel_gate_up(Team& team, const NormGateUpArgs& a, const PanelProducts& products) {
  const PanelInput input{a.x, a.norm, a.eps, a.normed};
  const DType dtype = a.w_gate.dtype;
  const int64_t tokens = tokens_per_block(dtype, products, a.x.cols(), a.x.rows());
  for (int64_t t0 = 0; t0 < a.x.rows(); t0 += tokens)
    gate_up_block(team, a, products, make_block(team, input, dtype, products, t0, tokens));
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

const char* panel_unsupported(const WeightView& w, DType dtype, const PanelProducts& products) {
  if (w.dtype != dtype) return reads(dtype);
  if (const char* missing = products.missing(dtype)) return missing;
  if (!w.packed) return "the packed layout is not held";
  if ((is_quantized(dtype) || products.bf16_rows) && tokens_in_scratch(dtype, w.in) == 0)
    return "a row of activations exceeds the scratch memory";
  return nullptr;
}

}  // namespace qwench::cpu
