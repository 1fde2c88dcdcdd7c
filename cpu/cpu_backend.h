// The CPU backend: the only header that code outside this folder includes.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "engine/backend/backend.h"

namespace qwench::cpu {

struct CpuOptions {
  int threads = 0;  // 0: the physical cores this process may use
  KernelPolicy policy;
  // A CPU backend whose threads to use instead of new ones: what takes turns must not find the
  // other's threads waiting on its cores.
  const Backend* threads_of = nullptr;
  std::vector<std::string>
      plugins;  // shared libraries whose kernels to list too (engine/backend/plugin.h)
};

/// UsageError on a bad thread count or an unknown kernel name in the policy; Error on a plug-in that
/// cannot be loaded or names a kernel that there is.
std::unique_ptr<Backend> make_cpu_backend(const CpuOptions& options);

}  // namespace qwench::cpu
