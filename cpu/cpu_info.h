// What this processor is and what it may use: cpuid, cores, caches.
#pragma once
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace qwench::cpu {

/// The most that kernels may use: all that there is, AVX2, or what every processor of the architecture has.
enum class IsaLimit : unsigned char { kNative, kAvx2, kBase };
constexpr std::array<std::string_view, 3> kIsaLimitNames = {"native", "avx2", "base"};
constexpr std::string_view name_of(IsaLimit limit) { return kIsaLimitNames[size_t(limit)]; }

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

/// Read once, cached.
const CpuInfo& cpu_info();

/// From here on as if the processor had nothing beyond what is named; of several limits the narrowest holds. False
/// for a name that is none. Before any backend or probe is made; there is no way back.
bool limit_isa(std::string_view name);

}  // namespace qwench::cpu
