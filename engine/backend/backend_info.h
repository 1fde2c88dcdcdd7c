// What a backend runs on, in the terms of reports: the device, what its kernels may use of it, its caches and
// memory. What cannot be read is 0, "unknown" or missing.
#pragma once
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace qwench {

struct BackendInfo {
  std::string device = "unknown";     // its model, as its maker calls it
  std::vector<std::string> features;  // instruction sets for kernels: "avx2", "avx512_vnni"
  std::string feature_limit;          // what --isa left of them: "native" (all), "avx2", "base"
  int logical_cores = 1;              // that this process may run on
  int physical_cores = 1;
  int64_t l1d_bytes = 0, l2_bytes = 0, l3_bytes = 0;  // l1d and l2 per core
  int64_t memory_bytes = 0;                           // of the device, free or not
  std::optional<bool> virtual_machine;

  bool has(std::string_view feature) const {
    return std::find(features.begin(), features.end(), feature) != features.end();
  }
};

}  // namespace qwench
