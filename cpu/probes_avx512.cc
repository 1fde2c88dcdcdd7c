// Probe kernels for AVX-512: fused multiply-adds in independent chains of 512 bits.
#include <immintrin.h>

#include <utility>

#include "cpu/probe_kernels.h"

namespace qwench::cpu {
namespace {

/// x = x * x + x, so that no chain needs a register beside its own.
template <int... kChain>
inline double fma_chains(int64_t iterations, std::integer_sequence<int, kChain...>) {
  alignas(64) float lanes[16 * sizeof...(kChain)];
  for (int l = 0; l < static_cast<int>(sizeof...(kChain)) * 16; ++l) lanes[l] = fp32_start(l);
  __m512 x[] = {_mm512_load_ps(lanes + 16 * kChain)...};
  for (int64_t i = 0; i < iterations; ++i)
    ((x[kChain] = _mm512_fmadd_ps(x[kChain], x[kChain], x[kChain])), ...);
  (_mm512_store_ps(lanes + 16 * kChain, x[kChain]), ...);
  double sum = 0;
  for (float v : lanes) sum += static_cast<double>(v);
  return sum;
}

template <int kChains>
double fma_avx512(int64_t iterations) {
  return fma_chains(iterations, std::make_integer_sequence<int, kChains>{});
}

// 32 op (16 multiply-adds) an instruction; one a cycle where the multipliers are 256 bits wide.
constexpr ComputeKernel kFp32[] = {
    {"avx512_8chains", 32 * 8, 32, fma_avx512<8>},
    {"avx512_12chains", 32 * 12, 32, fma_avx512<12>},
    {"avx512_16chains", 32 * 16, 32, fma_avx512<16>},
};

}  // namespace

KernelSpan<ComputeKernel> fp32_kernels_avx512() { return {kFp32, 3}; }

}  // namespace qwench::cpu
