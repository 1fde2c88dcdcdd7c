// Limits of cgroup v1 and v2, read from made-up roots.
#include "engine/base/cgroup.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/support/scratch.h"

using namespace qwench;

namespace {

/// What is read from a root directory of these files.
CgroupLimits limits_of(const std::vector<std::pair<std::string, std::string>>& files) {
  const test::ScratchFolder root;
  for (const auto& [name, text] : files) root.write(name, text);
  return cgroup_limits(root.path());
}

}  // namespace

TEST_CASE("no cgroup files mean no limits") {
  const CgroupLimits limits = limits_of({});
  CHECK(limits.cpus == 0);
  CHECK(limits.memory_available == CgroupLimits::kNoLimit);
}

TEST_CASE("cgroup v2: the tightest of own and parents' limits, page cache counted as available") {
  const CgroupLimits limits = limits_of(
      {{"proc/self/cgroup", "0::/a/b\n"},
       {"sys/fs/cgroup/a/b/cpu.max", "max 100000\n"},
       {"sys/fs/cgroup/a/cpu.max", "150000 100000\n"},
       {"sys/fs/cgroup/a/b/memory.max", "1000\n"},
       {"sys/fs/cgroup/a/b/memory.current", "700\n"},
       {"sys/fs/cgroup/a/b/memory.stat", "anon 300\ninactive_file 250\nactive_file 150\n"},
       {"sys/fs/cgroup/a/memory.max", "max\n"}});
  CHECK(limits.cpus == 1.5);
  CHECK(limits.memory_available == 700);
}

TEST_CASE("cgroup v1: inside a container only the root of a hierarchy may be there") {
  const CgroupLimits limits =
      limits_of({{"proc/self/cgroup", "4:memory:/docker/x\n3:cpu,cpuacct:/docker/x\n0::/\n"},
                 {"sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n"},
                 {"sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n"},
                 {"sys/fs/cgroup/memory/memory.limit_in_bytes", "5000\n"},
                 {"sys/fs/cgroup/memory/memory.usage_in_bytes", "6000\n"}});
  CHECK(limits.cpus == 0.5);
  CHECK(limits.memory_available == 0);
}

TEST_CASE("rubbish in cgroup files sets no limit") {
  const CgroupLimits limits =
      limits_of({{"proc/self/cgroup", "::\nx\n0::\n0::nonsense\n0::/\n4:memory:/\n"},
                 {"sys/fs/cgroup/cpu.max", "-1 abc"},
                 {"sys/fs/cgroup/memory.max", "12monkeys"},
                 {"sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"}});
  CHECK(limits.cpus == 0);
  CHECK(limits.memory_available == CgroupLimits::kNoLimit);
}
