// See new_backend.h.
#include "bench/model/new_backend.h"

namespace qwench::bench {

static WrapBackend wrapping = nullptr;

std::unique_ptr<Backend> new_backend(const cpu::CpuOptions& options) {
  std::unique_ptr<Backend> backend = cpu::make_cpu_backend(options);
  return wrapping ? wrapping(std::move(backend)) : std::move(backend);
}

void wrap_backends(WrapBackend wrap) { wrapping = wrap; }

}  // namespace qwench::bench
