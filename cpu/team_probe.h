// What it takes until the threads of the CPU backend's team work: awake, between two ops, and asleep,
// after a pause.
#pragma once
#include <vector>

namespace qwench::cpu {

struct TeamLatency {
  std::vector<double> awake_ns, asleep_ns;  // from the call to the last thread's first instruction
  int late = 0;                             // calls that a thread did not come to in time
};

/// A team of its own; takes about runs * 12 ms. Nothing is measured of one thread.
TeamLatency measure_team_latency(int threads, int runs);

}  // namespace qwench::cpu
