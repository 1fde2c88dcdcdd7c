// Each domain's counter wraps at its max_energy_range_uj; the sum of what was counted since the first
// reading does not. At 200 W that takes 20 minutes, and readings are never so far apart.
#include "bench/machine/energy/rapl.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <regex>
#include <vector>

#include "engine/base/json.h"

namespace qwench::bench {

namespace {

const std::string kFolder = "class/powercap";

struct Domain {
  std::string folder, name;  // "class/powercap/intel-rapl:0", "package-0"
  int64_t range_uj = 0;      // the counter goes from 0 to this
  int64_t last_uj = 0;
};

class Rapl : public EnergySource {
 public:
  Rapl(std::shared_ptr<const Sysfs> sysfs, std::vector<Domain> domains, std::string noted)
      : sysfs_(std::move(sysfs)), domains_(std::move(domains)), noted_(std::move(noted)) {}

  std::string name() const override {
    std::string names;
    for (const Domain& d : domains_) names += (names.empty() ? "" : " + ") + d.name;
    return "RAPL " + names;
  }
  Provenance provenance() const override { return Provenance::kRapl; }
  std::string method() const override {
    return "difference of the processor's energy counters" + noted_;
  }
  bool counter() const override { return true; }
  int64_t update_ns() const override { return 1'000'000; }
  int64_t shortest_window_ns() const override { return 100'000'000; }

  EnergyReading read() override {
    for (Domain& d : domains_) {
      const SysfsNumber now = sysfs_->number(d.folder + "/energy_uj");
      if (!now.value) return {0, now.problem};
      if (*now.value < 0 || *now.value > d.range_uj)
        return {0, fmt::format("{}/energy_uj: expected 0 to {}, got {}", sysfs_->full(d.folder),
                               d.range_uj, *now.value)};
      int64_t counted = *now.value - d.last_uj;
      if (counted < 0) counted += d.range_uj;
      d.last_uj = *now.value;
      total_uj_ += counted;
    }
    return {double(total_uj_) * 1e-6, ""};
  }

 private:
  std::shared_ptr<const Sysfs> sysfs_;
  std::vector<Domain> domains_;
  std::string noted_;
  int64_t total_uj_ = 0;
};

/// Every domain of the processor; "intel-rapl-mmio" would count the same packages again.
std::vector<Domain> all_domains(const Sysfs& sysfs) {
  static const std::regex domain("intel-rapl:[0-9]+(:[0-9]+)?");
  std::vector<Domain> domains;
  for (const std::string& entry : sysfs.list(kFolder)) {
    if (!std::regex_match(entry, domain)) continue;
    Domain d;
    d.folder = kFolder + "/" + entry;
    d.name = sysfs.text(d.folder + "/name").text.value_or("");
    domains.push_back(std::move(d));
  }
  return domains;
}

bool begins(const std::string& text, const char* with) { return text.rfind(with, 0) == 0; }

/// Those to be summed. The name of a part of several packages says whose it is.
std::vector<Domain> summed(const std::vector<Domain>& all) {
  std::vector<Domain> chosen;
  const auto packages = std::count_if(all.begin(), all.end(),
                                      [](const Domain& d) { return begins(d.name, "package"); });
  for (const Domain& d : all) {
    if (begins(d.name, "package")) chosen.push_back(d);
    if (d.name == "dram") {
      chosen.push_back(d);
      if (packages > 1) chosen.back().name = "dram of " + d.folder.substr(kFolder.size() + 1);
    }
  }
  if (packages) return chosen;
  chosen.clear();
  for (const Domain& d : all)
    if (d.name == "psys") chosen.push_back(d);
  return chosen;
}

/// "" when the domain can be read.
std::string prepare(const Sysfs& sysfs, Domain& d) {
  const SysfsNumber range = sysfs.number(d.folder + "/max_energy_range_uj");
  if (!range.value) return range.problem;
  if (*range.value <= 0)
    return fmt::format("{}/max_energy_range_uj: expected a number above 0, got {}",
                       sysfs.full(d.folder), *range.value);
  const SysfsNumber now = sysfs.number(d.folder + "/energy_uj");
  if (now.error == EACCES || now.error == EPERM)
    return fmt::format(
        "{}; the counters are root's since CVE-2020-8694: `sudo chmod a+r "
        "{}/intel-rapl:*/energy_uj` lends them until the next boot",
        now.problem, sysfs.full(kFolder));
  if (!now.value) return now.problem;
  d.range_uj = *range.value, d.last_uj = *now.value;
  return {};
}

}  // namespace

FoundSource find_rapl(std::shared_ptr<const Sysfs> sysfs) {
  FoundSource found{"RAPL", Provenance::kRapl, nullptr, ""};
  const std::vector<Domain> all = all_domains(*sysfs);
  std::vector<Domain> domains = summed(all);
  if (all.empty()) {
    found.reason = fmt::format(
        "no {}/intel-rapl:*: a virtual machine, or a kernel without the module intel_rapl_msr",
        sysfs->full(kFolder));
    return found;
  }
  if (domains.empty()) {
    found.reason =
        fmt::format("{}: none of its domains is a package or psys", sysfs->full(kFolder));
    return found;
  }
  for (Domain& d : domains) {
    found.reason = prepare(*sysfs, d);
    if (!found.reason.empty()) return found;
  }
  const bool psys =
      std::any_of(all.begin(), all.end(), [](const Domain& d) { return d.name == "psys"; });
  const bool left_out = psys && domains.front().name != "psys";
  found.source =
      std::make_unique<Rapl>(std::move(sysfs), std::move(domains),
                             left_out ? "; psys, the whole platform, is there and not added" : "");
  return found;
}

}  // namespace qwench::bench
