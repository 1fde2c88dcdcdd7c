// The machine's state in each timed run. A run in which something else worked, memory came from disk or
// the clock was throttled is marked and kept: its sample counts like any other.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "bench/machine/energy/sysfs.h"
#include "engine/base/json.h"

namespace qwench::bench {

/// Of one run; what the system does not tell is missing. The counts are of this process, all threads.
struct RunTelemetry {
  int64_t wall_ns = 0;
  std::optional<double> clock_mhz;  // at its end, mean of as many of the fastest cores as threads
  std::optional<double> temperature_celsius;  // at its end, the hottest sensor of the processor
  std::optional<int64_t> throttle_events;     // of all cores and packages
  std::optional<int64_t> rss_bytes;           // at its end
  std::optional<int64_t> minor_faults, major_faults;
  std::optional<int64_t> voluntary_switches, involuntary_switches;
};

/// Why a run on so many threads is contaminated: "3 major page faults"; empty when it is not.
std::vector<std::string> contamination(const RunTelemetry& run, int threads);

/// {"wall_ns", "clock_mhz", "temperature_celsius", "throttle_events", "rss_bytes", "minor_faults", "major_faults",
/// "voluntary_switches", "involuntary_switches", "contaminated": [reasons]}.
OrderedJson to_json(const RunTelemetry& run, int threads);

/// The way back; Error naming `where`.
RunTelemetry read_telemetry(const Json& object, const std::string& where);

/// "2 of 5 runs are contaminated (run 3: 12 major page faults); they are kept", or "".
std::string contamination_text(const std::vector<RunTelemetry>& runs, int threads);

/// Reads before and after each run, outside its time.
class TelemetryReader {
 public:
  explicit TelemetryReader(int threads,
                           std::shared_ptr<const Sysfs> sysfs = std::make_shared<Sysfs>());

  void start();
  /// What happened since start(), in a run of so long.
  RunTelemetry finish(int64_t wall_ns) const;

 private:
  struct Counts {
    std::optional<int64_t> throttle_events;
    std::optional<int64_t> minor_faults, major_faults, voluntary, involuntary;
  };
  Counts counts() const;
  std::optional<double> clock_mhz() const;
  std::optional<double> temperature() const;
  std::optional<int64_t> throttle_events() const;

  int threads_;
  std::shared_ptr<const Sysfs> sysfs_;
  std::vector<std::string> clocks_, sensors_, throttles_;  // files that were there at the beginning
  Counts before_;
};

}  // namespace qwench::bench
