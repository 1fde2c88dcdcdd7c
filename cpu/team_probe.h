// What it takes until the threads of the CPU backend's team work: awake, between two ops, and asleep,
// after a pause.
#pragma once
#include "engine/backend/probes.h"

namespace qwench::cpu {

/// From the call to the last thread's first instruction, in a team of its own; takes about runs * 12 ms. Nothing is
/// measured of one thread.
StartLatency measure_start_latency(int threads, int runs);

}  // namespace qwench::cpu
