// cpuid for the instruction set, /proc and /sys (sysctl on macOS) for the rest. A file that is
// missing or holds rubbish leaves its default: this code must run on any kernel and container.
#include "cpu/cpu_info.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "cpu/cpu_backend.h"
#include "engine/base/cgroup.h"

#if defined(QWENCH_X86)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sched.h>
#elif defined(__APPLE__)
#include <sys/sysctl.h>
#endif

namespace qwench::cpu {
namespace {

#if defined(QWENCH_X86)
struct Registers {
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
};

/// All zero where the processor has no such leaf.
Registers cpuid(unsigned leaf, unsigned subleaf = 0) {
  Registers r;
  if (!__get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx)) return Registers{};
  return r;
}

bool bit(unsigned word, int index) { return (word >> index & 1u) != 0; }

/// The register sets that the system saves on a switch: bits 1, 2 ymm; 5, 6, 7 zmm and masks.
/// xgetbv by its bytes, so that no compile flag is needed. Only valid where OSXSAVE is set.
unsigned saved_registers() {
  unsigned eax = 0, edx = 0;
  __asm__ volatile(".byte 0x0f, 0x01, 0xd0" : "=a"(eax), "=d"(edx) : "c"(0));
  return eax;
}

void read_isa(CpuInfo* info) {
  const Registers one = cpuid(1), seven = cpuid(7);
  const Registers seven_one = seven.eax >= 1 ? cpuid(7, 1) : Registers{};
  const unsigned saved = bit(one.ecx, 27) ? saved_registers() : 0;
  const bool ymm = (saved & 0x06u) == 0x06u, zmm = (saved & 0xe6u) == 0xe6u;
  info->avx2 = ymm && bit(one.ecx, 12) && bit(one.ecx, 28) && bit(one.ecx, 29) && bit(seven.ebx, 5);
  info->avx512 = info->avx2 && zmm && bit(seven.ebx, 16) && bit(seven.ebx, 17) &&
                 bit(seven.ebx, 30) && bit(seven.ebx, 31);
  info->avx512_vnni = info->avx512 && bit(seven.ecx, 11);
  info->avx512_vbmi = info->avx512 && bit(seven.ecx, 1);
  info->avx512_bf16 = info->avx512 && bit(seven_one.eax, 5);
  info->avx_vnni = info->avx2 && bit(seven_one.eax, 4);
  info->virtual_machine = bit(one.ecx, 31);
}

std::string brand() {
  if (cpuid(0x80000000u).eax < 0x80000004u) return "";
  char text[49] = {};
  for (unsigned i = 0; i < 3; ++i) {
    const Registers r = cpuid(0x80000002u + i);
    const unsigned words[4] = {r.eax, r.ebx, r.ecx, r.edx};
    std::memcpy(text + 16 * i, words, 16);
  }
  return text;
}
#else
void read_isa(CpuInfo*) {}
std::string brand() { return ""; }
#endif

std::string trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\n"), last = text.find_last_not_of(" \t\n");
  return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

#if !defined(__APPLE__)
std::string read_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return trimmed(line);
}

/// "48K", "32M", "1024": bytes; 0 for anything else.
int64_t parse_size(const std::string& text) {
  char* end = nullptr;
  const long long value = std::strtoll(text.c_str(), &end, 10);
  const int shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;
  if (value <= 0 || value > (1ll << 32)) return 0;
  return static_cast<int64_t>(value) << shift;
}

/// Ids of the processors this process may run on; empty where the system does not tell.
std::vector<int> allowed_processors() {
  std::vector<int> ids;
#if defined(__linux__)
  for (int capacity = CPU_SETSIZE; capacity <= 64 * CPU_SETSIZE; capacity *= 4) {
    cpu_set_t* mask = CPU_ALLOC(capacity);
    if (mask == nullptr) break;
    const size_t bytes = CPU_ALLOC_SIZE(capacity);
    const bool read = sched_getaffinity(0, bytes, mask) == 0;  // fails where capacity is too small
    for (int id = 0; read && id < capacity; ++id)
      if (CPU_ISSET_S(id, bytes, mask)) ids.push_back(id);
    CPU_FREE(mask);
    if (read) break;
  }
#endif
  return ids;
}

std::string processor_dir(int id) { return "/sys/devices/system/cpu/cpu" + std::to_string(id); }

void read_cores(const std::vector<int>& ids, CpuInfo* info) {
  std::set<std::pair<std::string, std::string>> cores;
  for (int id : ids) {
    const std::string dir = processor_dir(id) + "/topology/";
    const std::string core = read_line(dir + "core_id");
    if (!core.empty()) cores.emplace(read_line(dir + "physical_package_id"), core);
  }
  const int seen = static_cast<int>(ids.size());
  const int processors = seen > 0 ? seen : static_cast<int>(std::thread::hardware_concurrency());
  const double quota = cgroup_limits().cpus;
  info->logical_cores = std::max(processors, 1);
  if (quota > 0 && quota < info->logical_cores)
    info->logical_cores = std::max(static_cast<int>(std::ceil(quota)), 1);
  const int physical = cores.empty() ? info->logical_cores : static_cast<int>(cores.size());
  info->physical_cores = std::min(physical, info->logical_cores);
}

void read_caches(int processor, CpuInfo* info) {
  for (int index = 0; index < 8; ++index) {
    const std::string dir = processor_dir(processor) + "/cache/index" + std::to_string(index) + "/";
    const std::string level = read_line(dir + "level"), type = read_line(dir + "type");
    if (type != "Data" && type != "Unified") continue;
    const int64_t bytes = parse_size(read_line(dir + "size"));
    if (level == "1") info->l1d_bytes = bytes;
    if (level == "2") info->l2_bytes = bytes;
    if (level == "3") info->l3_bytes = bytes;
  }
}

void read_machine(CpuInfo* info) {
  const std::vector<int> ids = allowed_processors();
  read_cores(ids, info);
  read_caches(ids.empty() ? 0 : ids.front(), info);
}
#else
int64_t sysctl_number(const char* name) {
  int64_t value = 0;
  size_t bytes = sizeof value;
  return sysctlbyname(name, &value, &bytes, nullptr, 0) == 0 ? value : 0;
}

void read_machine(CpuInfo* info) {
  char text[256] = {};
  size_t bytes = sizeof text - 1;
  if (sysctlbyname("machdep.cpu.brand_string", text, &bytes, nullptr, 0) == 0) info->model = text;
  info->logical_cores = static_cast<int>(std::max<int64_t>(sysctl_number("hw.logicalcpu"), 1));
  info->physical_cores = static_cast<int>(std::max<int64_t>(sysctl_number("hw.physicalcpu"), 1));
  info->l1d_bytes = sysctl_number("hw.l1dcachesize");
  info->l2_bytes = sysctl_number("hw.l2cachesize");
  info->l3_bytes = sysctl_number("hw.l3cachesize");
  int guest = 0;
  bytes = sizeof guest;
  if (sysctlbyname("kern.hv_vmm_present", &guest, &bytes, nullptr, 0) == 0)
    info->virtual_machine = guest != 0;
}
#endif

CpuInfo detect() {
  CpuInfo info;
  read_isa(&info);
  info.model = trimmed(brand());
  read_machine(&info);
  if (info.model.empty()) info.model = "unknown";
  return info;
}

CpuInfo& mutable_info() {
  static CpuInfo info = detect();
  return info;
}

}  // namespace

const CpuInfo& cpu_info() { return mutable_info(); }

bool limit_isa(std::string_view name) {
  const auto at = std::find(kIsaLimitNames.begin(), kIsaLimitNames.end(), name);
  if (at == kIsaLimitNames.end()) return false;
  CpuInfo& info = mutable_info();
  info.limit = std::max(info.limit, IsaLimit(at - kIsaLimitNames.begin()));
  if (info.limit == IsaLimit::kNative) return true;
  info.avx512 = info.avx512_vnni = info.avx512_vbmi = info.avx512_bf16 = info.avx_vnni = false;
  if (info.limit == IsaLimit::kBase) info.avx2 = false;
  return true;
}

}  // namespace qwench::cpu
