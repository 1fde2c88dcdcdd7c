// A plug-in with two kernels: `linear` for weights of f32, f16 and bf16, and `swiglu`. It needs nothing of
// qwench but plugin.h; README.md says how to build and measure it.
#include "plugin.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace {

// ---- linear: y = x w^T (+ bias), or y += that -----------------------------------------------------
// Four rows of weights are widened to f32 in the thread's scratch and multiplied with three tokens at a
// time: twelve sums stay in registers. A sum is eight lanes over `in`, then the lanes in order, whatever
// the number of tokens and threads.

constexpr int kLanes = 8, kRows = 4, kTokens = 3;
using Lanes = float __attribute__((vector_size(kLanes * sizeof(float))));

float f16_to_f32(uint16_t half) {
  const uint32_t magnitude = half & 0x7fffu, sign = uint32_t(half & 0x8000u) << 16;
  uint32_t bits = magnitude << 13;
  float value;
  std::memcpy(&value, &bits, 4);
  value *= 0x1p112f;  // the difference of the exponents' biases; right for subnormals too
  std::memcpy(&bits, &value, 4);
  bits |= sign | (magnitude >= 0x7c00u ? 0x7f800000u : 0u);  // infinity and NaN
  std::memcpy(&value, &bits, 4);
  return value;
}

float bf16_to_f32(uint16_t half) {
  const uint32_t bits = uint32_t(half) << 16;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}

/// A row of weights as floats: itself, or widened into `to`.
const float* row_as_f32(const QwenchWeight& w, int64_t row, float* to) {
  const char* at = static_cast<const char*>(w.data) + row * w.row_bytes;
  if (w.dtype == QWENCH_F32) return reinterpret_cast<const float*>(at);
  const auto* from = reinterpret_cast<const uint16_t*>(at);
  const int64_t n = w.in;
  if (w.dtype == QWENCH_BF16)
    for (int64_t k = 0; k < n; ++k) to[k] = bf16_to_f32(from[k]);
  else
    for (int64_t k = 0; k < n; ++k) to[k] = f16_to_f32(from[k]);
  return to;
}

/// y of kN tokens from `token` on and of the rows from `first` on.
template <int kN>
void multiply(const QwenchLinear& a, const float* const* w, int64_t first, int64_t token) {
  const int64_t out = a.w.out, in = a.w.in, whole = in / kLanes * kLanes;
  const float* x = static_cast<const float*>(a.x.data) + token * in;
  Lanes sum[kN][kRows] = {};
  for (int64_t k = 0; k < whole; k += kLanes)
    for (int r = 0; r < kRows; ++r)
      for (int t = 0; t < kN; ++t) {
        Lanes weights, inputs;
        std::memcpy(&weights, w[r] + k, sizeof weights);
        std::memcpy(&inputs, x + t * in + k, sizeof inputs);
        sum[t][r] += weights * inputs;
      }
  for (int t = 0; t < kN; ++t)
    for (int r = 0; r < kRows && first + r < out; ++r) {
      float total = a.bias.data ? static_cast<const float*>(a.bias.data)[first + r] : 0;
      for (int lane = 0; lane < kLanes; ++lane) total += sum[t][r][lane];
      for (int64_t k = whole; k < in; ++k) total += w[r][k] * x[t * in + k];
      float& y = static_cast<float*>(a.y.data)[(token + t) * out + first + r];
      y = a.add ? y + total : total;
    }
}

/// Groups of kRows rows; beyond the last row the last one stands in.
void linear_groups(const QwenchCall* call, void*, int64_t begin, int64_t end, int32_t thread) {
  const QwenchLinear& a = call->args.linear;
  const int64_t n_tokens = a.x.shape[0], in = a.w.in;
  auto* widened = static_cast<float*>(call->scratch(call, thread));
  for (int64_t group = begin; group < end; ++group) {
    const float* w[kRows];
    for (int r = 0; r < kRows; ++r)
      w[r] = row_as_f32(a.w, std::min(group * kRows + r, a.w.out - 1), widened + r * in);
    int64_t token = 0;
    for (; token + kTokens <= n_tokens; token += kTokens)
      multiply<kTokens>(a, w, group * kRows, token);
    for (; token < n_tokens; ++token) multiply<1>(a, w, group * kRows, token);
  }
}

/// What the compiler was allowed to use, this processor must have.
const char* missing_instructions() {
#if defined(__x86_64__) && defined(__AVX2__)
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
    return "this processor has no AVX2 and FMA";
#endif
  return nullptr;
}

const char* linear_unsupported(const QwenchCall* call) {
  const QwenchWeight& w = call->args.linear.w;
  if (w.dtype != QWENCH_F32 && w.dtype != QWENCH_F16 && w.dtype != QWENCH_BF16)
    return "reads weights of f32, f16 and bf16";
  if (w.in > call->scratch_bytes / int64_t(kRows * sizeof(float)))
    return "four rows of weights exceed the scratch memory";
  return missing_instructions();
}

int linear(const QwenchCall* call) {
  const int64_t groups = (call->args.linear.w.out + kRows - 1) / kRows;
  call->parallel_for(call, groups, 4, linear_groups, nullptr);
  return 0;
}

// ---- swiglu: h = gate / (1 + exp(-gate)) * up ---------------------------------------------------

void swiglu_part(const QwenchCall* call, void*, int64_t begin, int64_t end, int32_t) {
  const QwenchSwiGlu& a = call->args.swiglu;
  const auto *gate = static_cast<const float*>(a.gate.data),
             *up = static_cast<const float*>(a.up.data);
  auto* h = static_cast<float*>(a.h.data);
  for (int64_t i = begin; i < end; ++i) h[i] = gate[i] / (1 + std::exp(-gate[i])) * up[i];
}

const char* swiglu_unsupported(const QwenchCall*) { return missing_instructions(); }

int swiglu(const QwenchCall* call) {
  const QwenchTensor& h = call->args.swiglu.h;
  call->parallel_for(call, h.shape[0] * h.shape[1], 1024, swiglu_part, nullptr);
  return 0;
}

const QwenchKernel kKernels[] = {
    {"linear", "example_tiles", linear_unsupported, linear, /*invariant=*/1, QWENCH_INPUTS_F32,
     /*options=*/0},
    {"swiglu", "example_exp", swiglu_unsupported, swiglu, /*invariant=*/1, QWENCH_INPUTS_F32,
     /*options=*/0},
};
const QwenchPlugin kPlugin = {QWENCH_PLUGIN_ABI, QWENCH_PLUGIN_MINOR, 2,
                              kKernels,          "example",           "1.0"};

}  // namespace

const QwenchPlugin* qwench_plugin() { return &kPlugin; }
