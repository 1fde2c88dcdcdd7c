// The log of an external power meter, such as a smart plug: lines `timestamp,W`, in ascending time, that
// another program writes before, while or after we measure.
#pragma once
#include "bench/machine/energy/energy_source.h"

namespace qwench::bench {

/// Watts over nanoseconds since 1970. Timestamps are seconds since 1970, or UTC as
/// 2026-01-31T12:00:00Z. With a heading, the columns named timestamp and W; else the first two. A last
/// line without its line break is still being written, and left out. Error naming `path` and line.
PowerSeries parse_meter_log(std::string_view text, const std::string& path);

/// Error when the file cannot be read or is no such log.
std::unique_ptr<EnergySource> open_meter_file(const std::string& path);

}  // namespace qwench::bench
