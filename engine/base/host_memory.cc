// /proc and sysconf (sysctl and mach on macOS). A file that is missing or holds rubbish leaves the next best
// answer: this code must run on any kernel and container.
#include "engine/base/host_memory.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>

#include "engine/base/cgroup.h"

#if defined(__APPLE__)
#include <mach/mach.h>
#include <sys/sysctl.h>
#endif

namespace qwench {
namespace {

#if !defined(__APPLE__)
/// The bytes of a "Key:   123 kB" line of /proc/meminfo or /proc/self/status; -1 where absent.
int64_t proc_kib(const char* path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.compare(0, key.size() + 1, key + ":") != 0) continue;
    const long long kib = std::strtoll(line.c_str() + key.size() + 1, nullptr, 10);
    return kib < 0 || kib > (1ll << 50) ? -1 : kib * 1024;
  }
  return -1;
}

/// What sysconf counts in pages, in bytes; 0 where it does not know.
int64_t page_bytes(int name) {
  const int64_t pages = sysconf(name), size = sysconf(_SC_PAGESIZE);
  return pages > 0 && size > 0 ? pages * size : 0;
}

/// Where /proc is hidden, the free pages: less than is available, but a fact.
int64_t system_available() {
  const int64_t bytes = proc_kib("/proc/meminfo", "MemAvailable");
  return bytes >= 0 ? bytes : page_bytes(_SC_AVPHYS_PAGES);
}
int64_t address_space_used() {
  return std::max<int64_t>(proc_kib("/proc/self/status", "VmSize"), 0);
}
#else
int64_t sysctl_number(const char* name) {
  int64_t value = 0;
  size_t bytes = sizeof value;
  return sysctlbyname(name, &value, &bytes, nullptr, 0) == 0 ? value : 0;
}

int64_t system_available() {
  vm_statistics64_data_t stats;
  mach_msg_type_number_t count = HOST_VM_INFO64_COUNT;
  if (host_statistics64(mach_host_self(), HOST_VM_INFO64, reinterpret_cast<host_info64_t>(&stats),
                        &count) != KERN_SUCCESS)
    return sysctl_number("hw.memsize");
  const int64_t pages = int64_t{stats.free_count} + stats.inactive_count + stats.purgeable_count;
  return pages * static_cast<int64_t>(vm_kernel_page_size);
}
int64_t address_space_used() { return 0; }
#endif

}  // namespace

int64_t total_memory_bytes() {
#if defined(__APPLE__)
  return sysctl_number("hw.memsize");
#else
  const int64_t bytes = proc_kib("/proc/meminfo", "MemTotal");
  return bytes > 0 ? bytes : page_bytes(_SC_PHYS_PAGES);
#endif
}

int64_t available_memory_bytes() {
  int64_t available = cgroup_limits().memory_available;
  available = std::min(available, system_available());
  rlimit limit = {};
  if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
    const rlim_t most = static_cast<rlim_t>(std::numeric_limits<int64_t>::max());
    const int64_t space = static_cast<int64_t>(std::min(limit.rlim_cur, most));
    available = std::min(available, std::max<int64_t>(space - address_space_used(), 0));
  }
  return available;
}

int64_t peak_rss_bytes() {
#if defined(__APPLE__)
  rusage usage = {};
  return getrusage(RUSAGE_SELF, &usage) == 0 ? static_cast<int64_t>(usage.ru_maxrss) : 0;
#else
  return std::max<int64_t>(proc_kib("/proc/self/status", "VmHWM"), 0);
#endif
}

int64_t rss_bytes() {
#if defined(__APPLE__)
  mach_task_basic_info info = {};
  mach_msg_type_number_t count = MACH_TASK_BASIC_INFO_COUNT;
  const kern_return_t result = task_info(mach_task_self(), MACH_TASK_BASIC_INFO,
                                         reinterpret_cast<task_info_t>(&info), &count);
  return result == KERN_SUCCESS ? static_cast<int64_t>(info.resident_size) : 0;
#else
  return std::max<int64_t>(proc_kib("/proc/self/status", "VmRSS"), 0);
#endif
}

}  // namespace qwench
