// Which sources of energy this machine has, and which one measures what a backend runs on.
#pragma once
#include <vector>

#include "bench/machine/energy/energy_source.h"
#include "bench/machine/energy/nvml.h"
#include "bench/machine/energy/sysfs.h"
#include "engine/base/json.h"

namespace qwench::bench {

struct EnergyRoots {
  std::shared_ptr<const Sysfs> sysfs = std::make_shared<Sysfs>();
  NvmlLibrary (*open_nvml)() = [] { return bench::open_nvml(); };
};

/// RAPL, battery and NVML, in this order, each with its source or why there is none.
std::vector<FoundSource> find_energy_sources(const EnergyRoots& roots = {});

/// The first that measures what the backend "cpu", "cuda" or "metal" runs on: the processor's counters, the
/// GPU's, or else the battery. Without a source the reason names every one that was tried.
FoundSource choose_energy_source(std::vector<FoundSource> found, std::string_view backend);

/// One line for `doctor`.
std::string energy_line(const std::vector<FoundSource>& found);
/// [{"name", "provenance", "available", "reason"}].
OrderedJson energy_sources_json(const std::vector<FoundSource>& found);

}  // namespace qwench::bench
