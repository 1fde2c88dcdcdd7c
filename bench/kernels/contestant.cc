// The backend of a contestant.
#include "bench/kernels/contestant.h"

#include "cpu/cpu_backend.h"

namespace qwench::bench {

std::unique_ptr<Backend> forced_backend(const std::string& choice, int threads,
                                        const std::vector<std::string>& plugins,
                                        const Backend* threads_of) {
  cpu::CpuOptions options;
  options.threads = threads, options.threads_of = threads_of, options.plugins = plugins;
  if (!choice.empty()) options.policy.add(choice);
  return cpu::make_cpu_backend(options);
}

}  // namespace qwench::bench
