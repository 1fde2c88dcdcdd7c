// Memory of the machine that this process runs on, and what the process itself holds of it.
#pragma once
#include <cstdint>

namespace qwench {

/// Main memory of the machine; 0 where it cannot be read.
int64_t total_memory_bytes();

/// Memory that a new allocation may take now: MemAvailable, cgroup limit and RLIMIT_AS considered.
int64_t available_memory_bytes();

/// Peak resident set of this process so far; 0 where it cannot be read.
int64_t peak_rss_bytes();

/// Resident set of this process now; 0 where it cannot be read.
int64_t rss_bytes();

}  // namespace qwench
