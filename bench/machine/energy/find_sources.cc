// A GPU's meter says nothing about a run on the processor, nor the other way round; a battery feeds both.
#include "bench/machine/energy/find_sources.h"

#include "bench/machine/energy/battery.h"
#include "bench/machine/energy/rapl.h"

namespace qwench::bench {

namespace {

bool measures(const FoundSource& found, std::string_view backend) {
  switch (found.provenance) {
    case Provenance::kRapl: return backend == "cpu";
    case Provenance::kNvml: return backend == "cuda";
    default: return true;
  }
}

/// "RAPL: ...; battery: ...".
std::string reasons(const std::vector<FoundSource>& found, std::string_view backend) {
  std::string text;
  for (const FoundSource& f : found) {
    if (f.source || (!backend.empty() && !measures(f, backend))) continue;
    text += (text.empty() ? "" : "; ") + f.name + ": " + f.reason;
  }
  return text;
}

}  // namespace

std::vector<FoundSource> find_energy_sources(const EnergyRoots& roots) {
  std::vector<FoundSource> found;
  found.push_back(find_rapl(roots.sysfs));
  found.push_back(find_battery(roots.sysfs));
  found.push_back(find_nvml(roots.open_nvml()));
  return found;
}

FoundSource choose_energy_source(std::vector<FoundSource> found, std::string_view backend) {
  // A GPU's own counter is preferred to the battery, which is listed before it.
  for (const bool battery : {false, true})
    for (FoundSource& f : found)
      if (f.source && measures(f, backend) && (f.provenance == Provenance::kBattery) == battery)
        return std::move(f);
  return {"none", Provenance::kUnavailable, nullptr, reasons(found, backend)};
}

std::string energy_line(const std::vector<FoundSource>& found) {
  std::string there;
  for (const FoundSource& f : found)
    if (f.source) there += (there.empty() ? "" : ", ") + f.source->name();
  const std::string missing = reasons(found, "");
  if (there.empty()) return "no source (" + missing + "); an external meter's log: --power-csv";
  return missing.empty() ? there : there + " (" + missing + ")";
}

OrderedJson energy_sources_json(const std::vector<FoundSource>& found) {
  OrderedJson list = OrderedJson::array();
  for (const FoundSource& f : found) {
    OrderedJson reason = nullptr;
    if (!f.source) reason = f.reason;
    list.push_back({{"name", f.source ? f.source->name() : f.name},
                    {"provenance", name_of(f.provenance)},
                    {"available", f.source != nullptr},
                    {"reason", reason}});
  }
  return list;
}

}  // namespace qwench::bench
