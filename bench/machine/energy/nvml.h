// NVIDIA's management library, which comes with the driver: opened at run time, so that the program
// needs neither. The functions are a table, which tests fill with their own.
#pragma once
#include "bench/machine/energy/energy_source.h"

namespace qwench::bench {

/// As nvml.h declares them; 0 is success.
struct NvmlFunctions {
  using Device = void*;
  int (*init)() = nullptr;
  int (*shutdown)() = nullptr;
  int (*device_count)(unsigned* count) = nullptr;
  int (*device)(unsigned index, Device* to) = nullptr;
  int (*device_name)(Device device, char* to, unsigned bytes) = nullptr;
  int (*total_energy)(Device device, unsigned long long* millijoules) = nullptr;  // may be missing
  int (*power_usage)(Device device, unsigned* milliwatts) = nullptr;
  const char* (*error_string)(int code) = nullptr;
};

/// The driver's library, or why not.
struct NvmlLibrary {
  std::optional<NvmlFunctions> functions;
  std::string reason;
};
NvmlLibrary open_nvml(const char* file = "libnvidia-ml.so.1");

/// All GPUs together, because the driver does not say which one this program was given: those at rest
/// add to the idle power, which is subtracted. Total energy where every GPU counts it (Volta and newer),
/// else power.
FoundSource find_nvml(const NvmlLibrary& library);

}  // namespace qwench::bench
