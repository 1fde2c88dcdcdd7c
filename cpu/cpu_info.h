// What this processor is and what it may use: cpuid, cores, caches.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

namespace qwench::cpu {

/// What limit_isa() left; kIsaLimitNames has their names in the same order.
enum class IsaLimit : unsigned char { kNative, kAvx2, kBase };

struct CpuInfo {
  std::string model;    // brand string, "unknown" where it cannot be read
  bool avx2 = false;    // AVX2, FMA and F16C, and the system saves the registers
  bool avx512 = false;  // F, BW, VL, DQ
  bool avx512_vnni = false, avx_vnni = false, avx512_bf16 = false, avx512_vbmi = false;
  IsaLimit limit = IsaLimit::kNative;  // what limit_isa() left of the five above
  int logical_cores = 1;               // this process may run on (affinity mask, cgroup quota)
  int physical_cores = 1;
  int64_t l1d_bytes = 0, l2_bytes = 0, l3_bytes = 0;  // 0: unknown; l1d and l2 per core
  std::optional<bool> virtual_machine;                // none: unknown
};

/// Read once, cached; what limit_isa() takes away is taken from it.
const CpuInfo& cpu_info();

}  // namespace qwench::cpu
