// The stream probe of the CPU backend.
#pragma once
#include <cstdint>
#include <memory>

#include "engine/backend/probes.h"

namespace qwench::cpu {

/// A team of threads, each with memory of its own that it touched first. `largest`: bytes of the largest working set
/// of one thread. Error where there is no room.
std::unique_ptr<StreamProbe> make_stream_probe(int threads, int64_t largest);

}  // namespace qwench::cpu
