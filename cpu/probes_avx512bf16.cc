// Probe kernels for AVX-512 BF16: vdpbf16ps in independent chains.
#include <immintrin.h>

#include <utility>

#include "cpu/probe_kernels.h"

namespace qwench::cpu {
namespace {

/// 32 small whole numbers as bf16: the upper half of their f32.
template <int (*value)(int)>
__m512bh whole_numbers() {
  alignas(64) uint16_t bits[32];
  for (int k = 0; k < 32; ++k) {
    const float f = float(value(k));
    uint32_t word;
    __builtin_memcpy(&word, &f, sizeof word);
    bits[k] = uint16_t(word >> 16);
  }
  return (__m512bh)_mm512_load_si512(bits);
}
int left(int k) { return bf16_left(k); }
int right(int k) { return bf16_right(k); }

void hide(__m512& v) { __asm__ volatile("" : "+v"(v)); }

template <int... kChain>
double chains(int64_t iterations, std::integer_sequence<int, kChain...>) {
  const __m512bh a = whole_numbers<left>(), b = whole_numbers<right>();
  __m512 sums[sizeof...(kChain)];
  ((sums[kChain] = _mm512_setzero_ps()), ...);
  (hide(sums[kChain]), ...);  // equal chains: g++ would compute one and copy it
  for (int64_t i = 0; i < iterations; ++i)
    ((sums[kChain] = _mm512_dpbf16_ps(sums[kChain], a, b)), ...);
  alignas(64) float lanes[16 * sizeof...(kChain)];
  (_mm512_store_ps(lanes + 16 * kChain, sums[kChain]), ...);
  double sum = 0;
  for (float v : lanes) sum += double(v);
  return sum;
}

template <int kChains>
double dot(int64_t iterations) {
  return chains(iterations, std::make_integer_sequence<int, kChains>{});
}

constexpr ComputeKernel kDot[] = {
    {"avx512bf16_12chains", 64 * 12, 64, dot<12>},
    {"avx512bf16_24chains", 64 * 24, 64, dot<24>},
};

}  // namespace

KernelSpan<ComputeKernel> bf16_kernels_avx512bf16() { return {kDot, 2}; }

}  // namespace qwench::cpu
