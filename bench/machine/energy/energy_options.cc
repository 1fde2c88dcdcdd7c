// An external meter wins: who names its log wants its figures.
#include "bench/machine/energy/energy_options.h"

#include <CLI/CLI.hpp>

#include "bench/machine/energy/meter_file.h"
#include "bench/support/duration_option.h"

namespace qwench::bench {

void add_energy_options(CLI::App& command, EnergyOptions& o) {
  command.add_flag(
      "--energy", o.wanted,
      "Measure energy too: after its timed runs, each case goes on for as long as the\n"
      "source needs");
  command.add_option(
      "--power-csv", o.power_csv,
      "Energy from the log of an external meter, lines of timestamp,W, that it goes\n"
      "on writing");
  constexpr int64_t kLongest = 600'000'000'000;
  add_duration_option(command, "--energy-idle", o.idle_ns,
                      "Rest before, at least, to measure what is subtracted; 0s: subtract nothing",
                      0, kLongest);
}

std::optional<EnergyMeter> make_energy_meter(const EnergyOptions& o, std::string_view backend,
                                             const EnergyRoots& roots) {
  if (!o.power_csv.empty())
    return EnergyMeter({"external meter", Provenance::kExternal, open_meter_file(o.power_csv), ""});
  if (!o.wanted) return std::nullopt;
  return EnergyMeter(choose_energy_source(find_energy_sources(roots), backend));
}

}  // namespace qwench::bench
