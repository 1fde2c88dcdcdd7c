// The processor of this machine, as the CPU backend describes it, whatever backend runs the models.
#pragma once
#include <cstdint>
#include <string>

#include "engine/backend/backend_info.h"

namespace qwench::bench {

/// Asked of a backend once; what --isa says after that has no effect on it.
const BackendInfo& host();

/// The thread count that was asked for; for 0 the physical cores that this process may use.
int threads_or_default(int64_t asked);

/// "avx2", "avx512": the instruction sets that this processor offers the kernels; "scalar" when
/// none.
std::string isa_text();
/// What --isa came to: "native", "avx2" or "base".
std::string isa_option();

}  // namespace qwench::bench
