// The kernels that the probes race. They come as constant arrays of plain function pointers: the
// files with ISA flags instantiate no library template, which the linker could share with others.
#pragma once
#include <cstdint>

namespace qwench::cpu {

/// Registers of arithmetic only. Every result depends on all of the work, so none can be left out.
struct ComputeKernel {
  const char* name;
  double op_per_iteration;  // a multiply-add counts as two
  double op_per_cycle;      // lowest documented rate of a wide core; 0: none
  /// The sum of all accumulator lanes after so many iterations, see fp32_start and int8_signed.
  double (*run)(int64_t iterations);
};

/// Sums the 64-bit words of `data` modulo 2^64. data: 64-byte aligned; bytes: multiple of
/// kReadUnit.
struct ReadKernel {
  const char* name;
  uint64_t (*read)(const uint8_t* data, int64_t bytes);
};
constexpr int64_t kReadUnit = 4096;

template <class Kernel>
struct KernelSpan {
  const Kernel* first = nullptr;
  int count = 0;
  const Kernel* begin() const { return first; }
  const Kernel* end() const { return first + count; }
};

/// fp32: lane l of all lanes begins here; a step is x = x * x + x, which stays in (-1, 0).
constexpr float fp32_start(int lane) { return -static_cast<float>(lane % 128 + 1) / 256; }

/// int8: byte k of the unsigned operand is u(k), of the signed one s(k); accumulators begin at 0.
constexpr int int8_unsigned(int byte) { return byte % 32 + 1; }
constexpr int int8_signed(int byte) { return byte % 32 % 7 - 3; }

/// bf16: pair element k of the operands; every product and partial sum is a whole number.
constexpr int bf16_left(int element) { return element % 8 + 1; }
constexpr int bf16_right(int element) { return element % 7 - 3; }

KernelSpan<ReadKernel> read_kernels_scalar();
KernelSpan<ComputeKernel> fp32_kernels_scalar();
KernelSpan<ComputeKernel> int8_kernels_scalar();

// Only on x86-64, and only to be called where cpu_info() says so.
KernelSpan<ReadKernel> read_kernels_avx2();
KernelSpan<ComputeKernel> fp32_kernels_avx2();
KernelSpan<ComputeKernel> int8_kernels_avx2();
KernelSpan<ComputeKernel> int8_kernels_avxvnni();
KernelSpan<ComputeKernel> fp32_kernels_avx512();
KernelSpan<ComputeKernel> int8_kernels_avx512vnni();
KernelSpan<ComputeKernel> bf16_kernels_avx512bf16();

// The kernels that this processor runs.
KernelSpan<ReadKernel> read_kernels();
KernelSpan<ComputeKernel> fp32_kernels();
KernelSpan<ComputeKernel> bf16_kernels();  // may be empty
KernelSpan<ComputeKernel> int8_kernels();
KernelSpan<ComputeKernel> int8_vnni_kernels();  // may be empty

}  // namespace qwench::cpu
