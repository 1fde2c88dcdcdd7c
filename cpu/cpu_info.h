// What this processor is and what it may use: cpuid, cores, caches, memory.
#pragma once
#include <cstdint>
#include <string>

namespace qwench::cpu {

struct CpuInfo {
  std::string model;    // brand string, "unknown" where it cannot be read
  bool avx2 = false;    // AVX2, FMA and F16C, and the system saves the registers
  bool avx512 = false;  // F, BW, VL, DQ
  bool avx512_vnni = false, avx_vnni = false, avx512_bf16 = false, avx512_vbmi = false;
  bool limited = false;   // limit_to_avx2() left out what there is beyond
  int logical_cores = 1;  // this process may run on (affinity mask, cgroup quota)
  int physical_cores = 1;
  int64_t l1d_bytes = 0, l2_bytes = 0, l3_bytes = 0;  // 0: unknown; l1d and l2 per core
  int64_t ram_bytes = 0, available_bytes = 0;         // available: min of MemAvailable and cgroup
  bool virtual_machine = false;
};

/// Read once, cached.
const CpuInfo& cpu_info();

/// From here on as if the processor had nothing beyond AVX2. Before any backend or probe is made;
/// there is no way back.
void limit_to_avx2();

/// Memory that a new allocation may take now: MemAvailable, cgroup limit and RLIMIT_AS considered.
int64_t available_memory_bytes();

/// Peak resident set of this process so far; 0 where it cannot be read.
int64_t peak_rss_bytes();

/// Resident set of this process now; 0 where it cannot be read.
int64_t rss_bytes();

}  // namespace qwench::cpu
