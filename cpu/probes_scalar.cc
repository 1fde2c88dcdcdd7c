// Probe kernels in plain C++: what a processor without AVX2 runs. Loops over small arrays, which
// the compiler vectorises for the baseline instruction set.
#include <cstring>

#include "cpu/probe_kernels.h"

namespace qwench::cpu {
namespace {

template <int kWords>
uint64_t read_scalar(const uint8_t* data, int64_t bytes) {
  uint64_t sums[kWords] = {};
  for (int64_t i = 0; i < bytes; i += 8 * kWords) {
    uint64_t words[kWords];
    std::memcpy(words, data + i, sizeof words);
    for (int w = 0; w < kWords; ++w) sums[w] += words[w];
  }
  uint64_t sum = 0;
  for (uint64_t s : sums) sum += s;
  return sum;
}

template <int kLanes>
double fma_scalar(int64_t iterations) {
  float x[kLanes];
  for (int l = 0; l < kLanes; ++l) x[l] = fp32_start(l);
  for (int64_t i = 0; i < iterations; ++i)
    for (float& v : x) v = v * v + v;
  double sum = 0;
  for (float v : x) sum += static_cast<double>(v);
  return sum;
}

template <int kLanes>
double int8_scalar(int64_t iterations) {
  uint8_t u[kLanes];
  int8_t s[kLanes];
  int32_t sums[kLanes] = {};
  for (int l = 0; l < kLanes; ++l) {
    u[l] = static_cast<uint8_t>(int8_unsigned(l));
    s[l] = static_cast<int8_t>(int8_signed(l));
  }
  for (int64_t i = 0; i < iterations; ++i) {
    __asm__ volatile("" : : "r"(u), "r"(s) : "memory");  // the operands may have changed
    for (int l = 0; l < kLanes; ++l)
      sums[l] = static_cast<int32_t>(static_cast<uint32_t>(sums[l]) +
                                     static_cast<uint32_t>(int32_t{u[l]} * int32_t{s[l]}));
  }
  double sum = 0;
  for (int32_t v : sums) sum += v;
  return sum;
}

constexpr ReadKernel kRead[] = {{"scalar_4words", read_scalar<4>},
                                {"scalar_8words", read_scalar<8>},
                                {"scalar_16words", read_scalar<16>}};
constexpr ComputeKernel kFp32[] = {{"scalar_16lanes", 32, 0, fma_scalar<16>},
                                   {"scalar_32lanes", 64, 0, fma_scalar<32>}};
constexpr ComputeKernel kInt8[] = {{"scalar_32lanes", 64, 0, int8_scalar<32>},
                                   {"scalar_64lanes", 128, 0, int8_scalar<64>}};

}  // namespace

KernelSpan<ReadKernel> read_kernels_scalar() { return {kRead, 3}; }
KernelSpan<ComputeKernel> fp32_kernels_scalar() { return {kFp32, 2}; }
KernelSpan<ComputeKernel> int8_kernels_scalar() { return {kInt8, 2}; }

}  // namespace qwench::cpu
