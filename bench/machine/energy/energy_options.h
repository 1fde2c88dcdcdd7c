// The options of the commands that measure energy.
#pragma once

#include "bench/machine/energy/energy_meter.h"
#include "bench/machine/energy/find_sources.h"

namespace CLI {
class App;
}  // namespace CLI

namespace qwench::bench {

struct EnergyOptions {
  bool wanted = false;
  std::string power_csv;  // "": the machine's own sources
  int64_t idle_ns = 3'000'000'000;

  bool asked() const { return wanted || !power_csv.empty(); }
};

/// --energy, --power-csv, --energy-idle.
void add_energy_options(CLI::App& command, EnergyOptions& options);

/// The meter for a run on `backend`; nothing unless it was asked for. Error on a log that cannot be read.
std::optional<EnergyMeter> make_energy_meter(const EnergyOptions& options, std::string_view backend,
                                             const EnergyRoots& roots = {});

}  // namespace qwench::bench
