// One backend with one thread answers for the process.
#include "bench/machine/host.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cpu/cpu_backend.h"

namespace qwench::bench {

const BackendInfo& host() {
  static const BackendInfo info = [] {
    cpu::CpuOptions options;
    options.threads = 1;
    return cpu::make_cpu_backend(options)->describe();
  }();
  return info;
}

int threads_or_default(int64_t asked) { return asked ? int(asked) : host().physical_cores; }

std::string isa_text() {
  const std::vector<std::string>& features = host().features;
  return features.empty() ? "scalar" : fmt::format("{}", fmt::join(features, " "));
}

std::string isa_option() { return host().feature_limit; }

}  // namespace qwench::bench
