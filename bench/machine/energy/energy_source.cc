// The labels that reports carry, and what a source without a log answers.
#include "bench/machine/energy/energy_source.h"

namespace qwench::bench {

std::string_view name_of(Provenance provenance) {
  switch (provenance) {
    case Provenance::kRapl: return "measured-RAPL";
    case Provenance::kNvml: return "measured-NVML";
    case Provenance::kBattery: return "battery";
    case Provenance::kExternal: return "external";
    case Provenance::kUnavailable: return "unavailable";
  }
  return "unavailable";
}

Provenance provenance_named(std::string_view name) {
  for (const Provenance p :
       {Provenance::kRapl, Provenance::kNvml, Provenance::kBattery, Provenance::kExternal})
    if (name == name_of(p)) return p;
  return Provenance::kUnavailable;
}

PowerSeries EnergySource::log(int64_t, int64_t) {
  PowerSeries none;
  none.problem = name() + ": keeps no log";
  return none;
}

}  // namespace qwench::bench
