// Which files there are is looked up once; a run costs a few reads before and after.
#include "bench/machine/run_telemetry.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <limits>

#include "bench/support/output.h"
#include "engine/base/host_memory.h"

namespace qwench::bench {

namespace {

const std::string kCpus = "devices/system/cpu";

/// "cpu0", not "cpufreq".
bool names_a_cpu(const std::string& name) {
  return name.size() > 3 && name.rfind("cpu", 0) == 0 &&
         std::all_of(name.begin() + 3, name.end(), [](unsigned char c) { return std::isdigit(c); });
}

/// Those of the files that hold a number now.
std::vector<std::string> readable(const Sysfs& sysfs, std::vector<std::string> files) {
  files.erase(std::remove_if(files.begin(), files.end(),
                             [&](const std::string& file) { return !sysfs.number(file).value; }),
              files.end());
  return files;
}

std::vector<std::string> of_every_cpu(const Sysfs& sysfs, const std::string& file) {
  std::vector<std::string> files;
  for (const std::string& name : sysfs.list(kCpus))
    if (names_a_cpu(name)) files.push_back(kCpus + "/" + name + "/" + file);
  return readable(sysfs, std::move(files));
}

/// Sensors of the processor, in thousandths of a degree: its thermal zones, else its hardware monitors.
std::vector<std::string> find_sensors(const Sysfs& sysfs) {
  std::vector<std::string> files;
  for (const std::string& zone : sysfs.list("class/thermal")) {
    const std::string folder = "class/thermal/" + zone;
    const std::string type = sysfs.text(folder + "/type").text.value_or("");
    if (type == "x86_pkg_temp" || type.rfind("cpu", 0) == 0) files.push_back(folder + "/temp");
  }
  files = readable(sysfs, std::move(files));
  if (!files.empty()) return files;
  for (const std::string& monitor : sysfs.list("class/hwmon")) {
    const std::string folder = "class/hwmon/" + monitor;
    const std::string name = sysfs.text(folder + "/name").text.value_or("");
    if (name == "coretemp" || name == "k10temp" || name == "zenpower")
      files.push_back(folder + "/temp1_input");
  }
  return readable(sysfs, std::move(files));
}

std::optional<int64_t> resident_set() {
  const int64_t bytes = rss_bytes();
  return bytes > 0 ? std::optional(bytes) : std::nullopt;
}

std::optional<int64_t> difference(std::optional<int64_t> after, std::optional<int64_t> before) {
  if (!after || !before || *after < *before) return std::nullopt;
  return *after - *before;
}

OrderedJson or_null(const std::optional<int64_t>& value) {
  return value ? OrderedJson(*value) : OrderedJson(nullptr);
}
OrderedJson or_null(const std::optional<double>& value) {
  return value ? OrderedJson(*value) : OrderedJson(nullptr);
}

std::string counted(int64_t n, const char* one, const char* several) {
  return fmt::format("{} {}", n, n == 1 ? one : several);
}

}  // namespace

std::vector<std::string> contamination(const RunTelemetry& run, int threads) {
  // A core that another program takes is gone for some milliseconds each time: 20 times a second are
  // several percent of a thread's time. The system's own few are no reason.
  constexpr double kSwitchesPerSecond = 20;
  constexpr int64_t kLeastSwitches = 5;
  std::vector<std::string> reasons;
  if (run.major_faults.value_or(0) > 0)
    reasons.push_back(counted(*run.major_faults, "major page fault", "major page faults"));
  const int64_t switches = run.involuntary_switches.value_or(0);
  const double allowed = kSwitchesPerSecond * double(run.wall_ns) * 1e-9 * threads;
  if (switches >= kLeastSwitches && double(switches) > allowed)
    reasons.push_back(fmt::format("{} involuntary context switches", switches));
  if (run.throttle_events.value_or(0) > 0)
    reasons.push_back(
        counted(*run.throttle_events, "thermal throttle event", "thermal throttle events"));
  return reasons;
}

OrderedJson to_json(const RunTelemetry& run, int threads) {
  return {{"wall_ns", run.wall_ns},
          {"clock_mhz", or_null(run.clock_mhz)},
          {"temperature_celsius", or_null(run.temperature_celsius)},
          {"throttle_events", or_null(run.throttle_events)},
          {"rss_bytes", or_null(run.rss_bytes)},
          {"minor_faults", or_null(run.minor_faults)},
          {"major_faults", or_null(run.major_faults)},
          {"voluntary_switches", or_null(run.voluntary_switches)},
          {"involuntary_switches", or_null(run.involuntary_switches)},
          {"contaminated", contamination(run, threads)}};
}

RunTelemetry read_telemetry(const Json& object, const std::string& where) {
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max();
  const auto integer = [&](const char* key) -> std::optional<int64_t> {
    if (!has(object, key)) return std::nullopt;
    return read_int(object, key, 0, kMost, where);
  };
  const auto number = [&](const char* key) -> std::optional<double> {
    if (!has(object, key)) return std::nullopt;
    return read_number(object, key, -1e6, 1e9, where);
  };
  RunTelemetry run;
  run.wall_ns = integer("wall_ns").value_or(0);
  run.clock_mhz = number("clock_mhz"), run.temperature_celsius = number("temperature_celsius");
  run.throttle_events = integer("throttle_events"), run.rss_bytes = integer("rss_bytes");
  run.minor_faults = integer("minor_faults"), run.major_faults = integer("major_faults");
  run.voluntary_switches = integer("voluntary_switches");
  run.involuntary_switches = integer("involuntary_switches");
  return run;
}

std::string contamination_text(const std::vector<RunTelemetry>& runs, int threads) {
  size_t marked = 0;
  std::string example;
  for (size_t i = 0; i < runs.size(); ++i) {
    const std::vector<std::string> reasons = contamination(runs[i], threads);
    if (reasons.empty()) continue;
    if (marked++ == 0) example = fmt::format("run {}: {}", i + 1, fmt::join(reasons, ", "));
  }
  if (marked == 0) return {};
  return fmt::format("{} of {} runs contaminated ({}{}); kept", marked, runs.size(), example,
                     marked > 1 ? ", ..." : "");
}

TelemetryReader::TelemetryReader(int threads, std::shared_ptr<const Sysfs> sysfs)
    : threads_(threads),
      sysfs_(std::move(sysfs)),
      clocks_(of_every_cpu(*sysfs_, "cpufreq/scaling_cur_freq")),
      sensors_(find_sensors(*sysfs_)),
      throttles_(of_every_cpu(*sysfs_, "thermal_throttle/core_throttle_count")) {
  // A package's count is shown by each of its cores: the first one's is taken for all.
  const std::vector<std::string> packages =
      of_every_cpu(*sysfs_, "thermal_throttle/package_throttle_count");
  if (!packages.empty()) throttles_.push_back(packages.front());
}

void TelemetryReader::start() { before_ = counts(); }

RunTelemetry TelemetryReader::finish(int64_t wall_ns) const {
  const Counts after = counts();
  RunTelemetry run;
  run.wall_ns = wall_ns;
  run.throttle_events = difference(after.throttle_events, before_.throttle_events);
  run.minor_faults = difference(after.minor_faults, before_.minor_faults);
  run.major_faults = difference(after.major_faults, before_.major_faults);
  run.voluntary_switches = difference(after.voluntary, before_.voluntary);
  run.involuntary_switches = difference(after.involuntary, before_.involuntary);
  run.clock_mhz = clock_mhz();
  run.temperature_celsius = temperature();
  run.rss_bytes = resident_set();
  return run;
}

TelemetryReader::Counts TelemetryReader::counts() const {
  Counts now;
  now.throttle_events = throttle_events();
  rusage usage = {};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return now;
  now.minor_faults = usage.ru_minflt, now.major_faults = usage.ru_majflt;
  now.voluntary = usage.ru_nvcsw, now.involuntary = usage.ru_nivcsw;
  return now;
}

std::optional<double> TelemetryReader::clock_mhz() const {
  std::vector<double> mhz;
  for (const std::string& file : clocks_)
    if (const auto khz = sysfs_->number(file).value) mhz.push_back(double(*khz) / 1000);
  if (mhz.empty()) return std::nullopt;
  std::sort(mhz.begin(), mhz.end(), std::greater<>());
  mhz.resize(std::min(mhz.size(), size_t(std::max(threads_, 1))));
  double sum = 0;
  for (double v : mhz) sum += v;
  return sum / double(mhz.size());
}

std::optional<double> TelemetryReader::temperature() const {
  std::optional<double> hottest;
  for (const std::string& file : sensors_)
    if (const auto milli = sysfs_->number(file).value)
      hottest = std::max(hottest.value_or(-300), double(*milli) / 1000);
  return hottest;
}

std::optional<int64_t> TelemetryReader::throttle_events() const {
  std::optional<int64_t> sum;
  for (const std::string& file : throttles_)
    if (const auto count = sysfs_->number(file).value) sum = sum.value_or(0) + *count;
  return sum;
}

}  // namespace qwench::bench
