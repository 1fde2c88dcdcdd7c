// Where a figure of energy comes from. Every figure carries the provenance of its source; a source that
// is not there is a reason, never a zero.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "bench/machine/energy/power_series.h"

namespace qwench::bench {

enum class Provenance : unsigned char { kRapl, kNvml, kBattery, kExternal, kUnavailable };
/// "measured-RAPL", "measured-NVML", "battery", "external", "unavailable".
std::string_view name_of(Provenance provenance);
/// The one of that name; kUnavailable for any other.
Provenance provenance_named(std::string_view name);

struct EnergyReading {
  double value = 0;     // counter: joules, never falling; else watts
  std::string problem;  // not empty: there is no value, for this reason
};

class EnergySource {
 public:
  virtual ~EnergySource() = default;

  virtual std::string name() const = 0;  // "RAPL package-0 + dram"
  virtual Provenance provenance() const = 0;
  virtual std::string method() const = 0;  // one sentence for the report
  virtual bool counter() const = 0;        // joules, not watts
  /// The figure changes so often; reading it more often gains nothing.
  virtual int64_t update_ns() const = 0;
  /// The shortest window whose energy is worth stating: both its ends are uncertain by an update.
  virtual int64_t shortest_window_ns() const = 0;

  /// The figure now. Not thread-safe.
  virtual EnergyReading read() = 0;

  /// True where another device takes the readings, and log() has them afterwards.
  virtual bool keeps_log() const { return false; }
  /// The readings around [from, to]; may wait a few seconds for the last of them.
  virtual PowerSeries log(int64_t from_ns, int64_t to_ns);
};

/// A source, or why there is none.
struct FoundSource {
  std::string name;  // "RAPL", also where there is none
  Provenance provenance = Provenance::kUnavailable;
  std::unique_ptr<EnergySource> source;
  std::string reason;  // "" where there is one
};

}  // namespace qwench::bench
