// Whether a battery is discharging is asked at every reading: somebody may plug the charger in.
#include "bench/machine/energy/battery.h"

#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "engine/base/json.h"

namespace qwench::bench {

namespace {

const std::string kFolder = "class/power_supply";

/// Batteries of the machine; those of a mouse or a headset have the scope "Device".
std::vector<std::string> batteries(const Sysfs& sysfs) {
  std::vector<std::string> folders;
  for (const std::string& entry : sysfs.list(kFolder)) {
    const std::string folder = kFolder + "/" + entry;
    const std::string type = sysfs.text(folder + "/type").text.value_or("");
    const bool battery = type.empty() ? entry.rfind("BAT", 0) == 0 : type == "Battery";
    if (battery && sysfs.text(folder + "/scope").text.value_or("") != "Device")
      folders.push_back(folder);
  }
  return folders;
}

/// Watts of one battery. Drivers differ in the sign of what flows out.
EnergyReading watts(const Sysfs& sysfs, const std::string& folder) {
  const SysfsNumber microwatts = sysfs.number(folder + "/power_now");
  double value = 0;
  if (microwatts.value) {
    value = std::fabs(double(*microwatts.value)) * 1e-6;
  } else {
    const SysfsNumber current = sysfs.number(folder + "/current_now");
    const SysfsNumber voltage = sysfs.number(folder + "/voltage_now");
    if (!current.value) return {0, microwatts.problem + "; " + current.problem};
    if (!voltage.value) return {0, voltage.problem};
    value = std::fabs(double(*current.value) * double(*voltage.value)) * 1e-12;
  }
  constexpr double kMostWatts = 1000;
  if (value > 0 && value < kMostWatts) return {value, ""};
  return {0, fmt::format("{}: expected a power above 0 and below {} W while discharging, got {} W",
                         sysfs.full(folder), kMostWatts, value)};
}

/// The sum over discharging batteries; a problem where none is.
EnergyReading total_watts(const Sysfs& sysfs, const std::vector<std::string>& folders) {
  double sum = 0;
  std::string states;
  for (const std::string& folder : folders) {
    const SysfsText status = sysfs.text(folder + "/status");
    if (!status.text) return {0, status.problem};
    if (*status.text == "Charging")
      return {0, sysfs.full(folder) + ": charging; unplug the charger to measure"};
    if (*status.text != "Discharging") {
      states += fmt::format("{}{}: status {}", states.empty() ? "" : ", ", sysfs.full(folder),
                            in_quotes(*status.text));
      continue;
    }
    const EnergyReading one = watts(sysfs, folder);
    if (!one.problem.empty()) return one;
    sum += one.value;
  }
  if (sum > 0) return {sum, ""};
  return {0, states + "; only a discharging battery measures"};
}

class Battery : public EnergySource {
 public:
  Battery(std::shared_ptr<const Sysfs> sysfs, std::vector<std::string> folders)
      : sysfs_(std::move(sysfs)), folders_(std::move(folders)) {}

  std::string name() const override {
    std::string names;
    for (const std::string& folder : folders_)
      names += (names.empty() ? "" : " + ") + folder.substr(kFolder.size() + 1);
    return "battery " + names;
  }
  Provenance provenance() const override { return Provenance::kBattery; }
  std::string method() const override {
    return "power of the discharging batteries by the trapezoid rule; the whole machine, its "
           "display "
           "included";
  }
  bool counter() const override { return false; }
  int64_t update_ns() const override { return 1'000'000'000; }
  int64_t shortest_window_ns() const override { return 20'000'000'000; }
  EnergyReading read() override { return total_watts(*sysfs_, folders_); }

 private:
  std::shared_ptr<const Sysfs> sysfs_;
  std::vector<std::string> folders_;
};

}  // namespace

FoundSource find_battery(std::shared_ptr<const Sysfs> sysfs) {
  FoundSource found{"battery", Provenance::kBattery, nullptr, ""};
  std::vector<std::string> folders = batteries(*sysfs);
  if (folders.empty()) {
    found.reason = fmt::format("no battery in {}", sysfs->full(kFolder));
    return found;
  }
  found.reason = total_watts(*sysfs, folders).problem;
  if (found.reason.empty())
    found.source = std::make_unique<Battery>(std::move(sysfs), std::move(folders));
  return found;
}

}  // namespace qwench::bench
