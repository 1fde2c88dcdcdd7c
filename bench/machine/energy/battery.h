// A laptop's battery as a power meter of the whole machine.
#pragma once
#include "bench/machine/energy/energy_source.h"
#include "bench/machine/energy/sysfs.h"

namespace qwench::bench {

/// The power that the batteries under class/power_supply give, their power_now or current_now times
/// voltage_now. Only while one is discharging: on mains their power is not what the machine draws.
FoundSource find_battery(std::shared_ptr<const Sysfs> sysfs);

}  // namespace qwench::bench
