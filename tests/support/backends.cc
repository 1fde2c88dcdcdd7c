// See backends.h.
#include "tests/support/backends.h"

#include "tests/support/strict_backend.h"

namespace qwench::test {

static bool strict = false;

std::unique_ptr<Backend> make_test_backend(const cpu::CpuOptions& options) {
  std::unique_ptr<Backend> backend = cpu::make_cpu_backend(options);
  if (!strict) return backend;
  return std::make_unique<StrictBackend>(std::move(backend));
}

void use_strict_backend() { strict = true; }
bool is_strict() { return strict; }

}  // namespace qwench::test
