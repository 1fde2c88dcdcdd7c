// The backend of a contestant.
#include "bench/kernels/contestant.h"

#include <utility>

#include "bench/model/new_backend.h"

namespace qwench::bench {

std::unique_ptr<Backend> forced_backend(const std::string& choice, int threads,
                                        const std::vector<std::string>& plugins,
                                        std::shared_ptr<cpu::Team> team) {
  cpu::CpuOptions options;
  options.threads = threads, options.team = std::move(team), options.plugins = plugins;
  if (!choice.empty()) options.policy.add(choice);
  return new_backend(options);
}

}  // namespace qwench::bench
