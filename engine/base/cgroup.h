// The limits that a container or a service sets on this process: cgroup v1 and v2, one reader.
#pragma once
#include <cstdint>
#include <limits>
#include <string>

namespace qwench {

struct CgroupLimits {
  static constexpr int64_t kNoLimit = std::numeric_limits<int64_t>::max();
  double cpus = 0;                      // cpu time per wall time; 0: no quota
  int64_t memory_available = kNoLimit;  // bytes still to be had; page cache counts as available
};

/// The tightest limits from this process's group up to the root. Unreadable files set no limit.
/// `root` replaces "/" before proc/self/cgroup and sys/fs/cgroup (for tests).
CgroupLimits cgroup_limits(const std::string& root = "/");

}  // namespace qwench
