// Running Average Power Limit: the processor's own counters of energy, under class/powercap.
#pragma once
#include "bench/machine/energy/energy_source.h"
#include "bench/machine/energy/sysfs.h"

namespace qwench::bench {

/// Sums the packages, and the dram domain of each, which a package does not include; its core and uncore
/// are parts of it, and psys (the whole platform) includes it, so these are left out. psys is used where
/// there is no package.
FoundSource find_rapl(std::shared_ptr<const Sysfs> sysfs);

}  // namespace qwench::bench
