// Reads a source while something else runs.
#pragma once
#include <functional>

#include "bench/machine/energy/energy_source.h"

namespace qwench::bench {

struct SampledWindow {
  PowerSeries series;
  int64_t from_ns = 0, to_ns = 0;  // around the work, on the clock of now_ns()

  WindowEnergy energy() const { return integrate(series, from_ns, to_ns); }
};

/// The shortest time between two readings: a reading costs tens of microseconds of one core.
constexpr int64_t kLeastSamplingNs = 20'000'000;

/// Reads the source before and after `work`, and every `interval_ns` (an update of the source and
/// kLeastSamplingNs at least) on a thread of its own meanwhile, which sleeps in between and has ended when
/// this returns or throws what `work` throws. Readings end at the first that fails. A source that keeps a
/// log is not sampled.
SampledWindow sample_while(EnergySource& source, int64_t interval_ns,
                           const std::function<void()>& work);

}  // namespace qwench::bench
