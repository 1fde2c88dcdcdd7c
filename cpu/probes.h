// The probes of the CPU backend.
#pragma once
#include <memory>

#include "engine/backend/probes.h"

namespace qwench::cpu {

/// Of so many threads. Error where the system gives fewer.
std::unique_ptr<Probes> make_probes(int threads);

}  // namespace qwench::cpu
