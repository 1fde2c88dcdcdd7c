// Where every backend that a command runs on is made.
#pragma once
#include <memory>

#include "cpu/cpu_backend.h"

namespace qwench::bench {

/// Errors as make_cpu_backend().
std::unique_ptr<Backend> new_backend(const cpu::CpuOptions& options);

/// From here on every new backend is put into another one: a device that tests make. Null: none.
using WrapBackend = std::unique_ptr<Backend> (*)(std::unique_ptr<Backend>);
void wrap_backends(WrapBackend wrap);

}  // namespace qwench::bench
