// Reads /proc/self/cgroup, then walks each hierarchy from the own group to the root: a parent's
// limit binds too, and inside a container only the root of the mounted part may be there.
#include "engine/base/cgroup.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <sstream>

namespace qwench {
namespace {

/// First word of a file; empty where it cannot be read.
std::string first_word(const std::string& path) {
  std::ifstream file(path);
  std::string word;
  file >> word;
  return word;
}

/// A non-negative integer, or `fallback` for "max", rubbish and missing files.
int64_t number(const std::string& text, int64_t fallback) {
  char* end = nullptr;
  const long long value = std::strtoll(text.c_str(), &end, 10);
  return text.empty() || *end != '\0' || value < 0 ? fallback : value;
}

/// Bytes of file pages in memory.stat, which the kernel reclaims before it refuses an allocation.
int64_t reclaimable(const std::string& stat_path) {
  std::ifstream file(stat_path);
  std::string key, value;
  int64_t own = 0, total = 0;  // v1 also has the sum over child groups, as total_*
  while (file >> key >> value) {
    const int64_t bytes = number(value, 0);
    if (key == "inactive_file" || key == "active_file") own += bytes;
    if (key == "total_inactive_file" || key == "total_active_file") total += bytes;
  }
  return std::max(own, total);
}

void limit_memory(const std::string& limit_file, const std::string& used_file,
                  const std::string& stat_file, CgroupLimits* limits) {
  const int64_t limit = number(first_word(limit_file), CgroupLimits::kNoLimit);
  if (limit >= int64_t{1} << 60) return;  // v1 says "none" as a huge number
  const int64_t used = number(first_word(used_file), 0);
  const int64_t held = std::max<int64_t>(used - reclaimable(stat_file), 0);
  limits->memory_available = std::min(limits->memory_available, std::max<int64_t>(limit - held, 0));
}

void limit_cpus(int64_t quota, int64_t period, CgroupLimits* limits) {
  if (quota <= 0 || period <= 0) return;
  const double cpus = double(quota) / double(period);
  limits->cpus = limits->cpus > 0 ? std::min(limits->cpus, cpus) : cpus;
}

void read_v2(const std::string& dir, CgroupLimits* limits) {
  limit_memory(dir + "/memory.max", dir + "/memory.current", dir + "/memory.stat", limits);
  std::ifstream file(dir + "/cpu.max");
  std::string quota, period;
  file >> quota >> period;
  limit_cpus(number(quota, 0), number(period, 0), limits);
}

void read_v1_memory(const std::string& dir, CgroupLimits* limits) {
  limit_memory(dir + "/memory.limit_in_bytes", dir + "/memory.usage_in_bytes", dir + "/memory.stat",
               limits);
}

void read_v1_cpu(const std::string& dir, CgroupLimits* limits) {
  limit_cpus(number(first_word(dir + "/cpu.cfs_quota_us"), 0),
             number(first_word(dir + "/cpu.cfs_period_us"), 0), limits);
}

using ReadDir = void (*)(const std::string& dir, CgroupLimits* limits);

/// Calls `read` for mount + path, then for every parent, down to the mount itself.
void walk_up(const std::string& mount, std::string path, ReadDir read, CgroupLimits* limits) {
  while (!path.empty() && path != "/") {
    read(mount + path, limits);
    path.erase(std::min(path.rfind('/'), path.size()));
  }
  read(mount, limits);
}

}  // namespace

CgroupLimits cgroup_limits(const std::string& root) {
  CgroupLimits limits;
  std::string base = root;
  if (base.empty() || base.back() != '/') base += '/';
  const std::string mount = base + "sys/fs/cgroup";
  std::ifstream groups(base + "proc/self/cgroup");
  // Lines are "id:controllers:path"; v2 is id 0 without controllers.
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string path = line.substr(second + 1);
    if (path.empty() || path[0] != '/') continue;
    std::istringstream controllers(line.substr(first + 1, second - first - 1));
    if (line.compare(0, 3, "0::") == 0) walk_up(mount, path, read_v2, &limits);
    for (std::string name; std::getline(controllers, name, ',');) {
      if (name == "memory") walk_up(mount + "/memory", path, read_v1_memory, &limits);
      if (name == "cpu") walk_up(mount + "/cpu", path, read_v1_cpu, &limits);
    }
  }
  return limits;
}

}  // namespace qwench
