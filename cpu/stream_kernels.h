// The loops behind stream_probes.h, as constant arrays of plain function pointers like those of
// probe_kernels.h.
#pragma once
#include <cstdint>

#include "cpu/probe_kernels.h"

namespace qwench::cpu {

/// write: to = 1; copy: to = from; triad: to = from + 3 * other. n floats, a multiple of kStreamFloats;
/// all addresses are 64-byte aligned, no array overlaps another. What an op does not use may be null.
struct StreamKernel {
  const char* name;
  void (*run)(float* to, const float* from, const float* other, int64_t n);
};
constexpr int64_t kStreamFloats = 64;
constexpr float kTriadFactor = 3;

struct StreamKernels {
  KernelSpan<StreamKernel> write, copy, triad;
};

StreamKernels stream_kernels_scalar();
StreamKernels stream_kernels_avx2();  // only on x86-64, and only where cpu_info() says so
StreamKernels stream_kernels();       // those that this processor runs

}  // namespace qwench::cpu
