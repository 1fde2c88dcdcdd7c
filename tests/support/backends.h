// The backend that tests run on: the CPU's, or with the option --backend=strict the same one behind a device that
// behaves like the worst GPU (strict_backend.h).
#pragma once
#include <memory>

#include "cpu/cpu_backend.h"

namespace qwench::test {

std::unique_ptr<Backend> make_test_backend(const cpu::CpuOptions& options);

/// From here on; of the main function.
void use_strict_backend();
bool is_strict();

}  // namespace qwench::test
