// Read from the build's definitions, uname, /proc and /sys; whatever is not there becomes null.
#include "bench/support/environment.h"

#include <fmt/format.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <vector>

#include "bench/commit.h"  // made by bench/commit.cmake
#include "bench/support/file_hash.h"
#include "bench/support/output.h"
#include "bench/support/table.h"
#include "bench/support/utc.h"
#include "cpu/cpu_backend.h"
#include "cpu/cpu_info.h"
#include "engine/base/check.h"
#include "engine/base/host_memory.h"
#include "engine/checkpoint/model_places.h"

#ifndef QWENCH_VERSION
#define QWENCH_VERSION "unknown"
#endif
#ifndef QWENCH_BUILD_TYPE
#define QWENCH_BUILD_TYPE "unknown"
#endif
#ifndef QWENCH_CXX_FLAGS
#define QWENCH_CXX_FLAGS "unknown"
#endif

extern char** environ;

namespace qwench::bench {

namespace {

std::vector<std::string> command_line;
std::string started;

std::string os_name() {
  std::ifstream file("/etc/os-release");
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("PRETTY_NAME=", 0) != 0) continue;
    std::string value = line.substr(12);
    if (value.size() >= 2 && value.front() == '"') value = value.substr(1, value.size() - 2);
    return value;
  }
  return {};
}

std::string compiler() {
#if defined(__clang__)
  return "clang " __clang_version__;
#elif defined(__GNUC__)
  return "g++ " __VERSION__;
#else
  return {};
#endif
}

bool sanitized() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return true;
#else
  return false;
#endif
}

OrderedJson tool_block() {
  return {{"name", "qwench"},
          {"version", QWENCH_VERSION},
          {"git_hash", QWENCH_GIT_HASH},
          {"program_hash", text_or_null(program_hash())},
          {"build_type", QWENCH_BUILD_TYPE},
          {"flags", QWENCH_CXX_FLAGS},
          {"compiler", text_or_null(compiler())},
          {"sanitizer", sanitized()},
#ifdef QWENCH_HAVE_SENTENCEPIECE
          {"sentencepiece", true}};
#else
          {"sentencepiece", false}};
#endif
}

OrderedJson os_block() {
  utsname names{};
  uname(&names);  // its nodename, the host's name, is left out on purpose
  return {{"name", text_or_null(os_name())},
          {"kernel", fmt::format("{} {}", names.sysname, names.release)},
          {"machine", names.machine}};
}

OrderedJson cpu_block() {
  const cpu::CpuInfo& info = cpu::cpu_info();
  const std::string sys = "/sys/devices/system/cpu/cpu0/cpufreq/";
  return {{"model", info.model},
          {"isa", isa_text()},
          {"physical_cores", info.physical_cores},
          {"logical_cores", info.logical_cores},
          {"l1d_bytes", info.l1d_bytes},
          {"l2_bytes", info.l2_bytes},
          {"l3_bytes", info.l3_bytes},
          {"virtual_machine",
           info.virtual_machine ? OrderedJson(*info.virtual_machine) : OrderedJson()},
          {"governor", text_or_null(first_line(sys + "scaling_governor"))},
          {"driver", text_or_null(first_line(sys + "scaling_driver"))}};
}

OrderedJson load_average() {
  double values[3];
  if (getloadavg(values, 3) != 3) return nullptr;
  return {values[0], values[1], values[2]};
}

OrderedJson openmp_variables() {
  OrderedJson variables = OrderedJson::object();
  for (char** entry = environ; *entry; ++entry) {
    const std::string text = *entry;
    const size_t equals = text.find('=');
    if (equals == std::string::npos) continue;
    if (text.rfind("OMP_", 0) == 0 || text.rfind("GOMP_", 0) == 0)
      variables[text.substr(0, equals)] = text.substr(equals + 1);
  }
  return variables;
}

}  // namespace

void remember_command_line(int argc, const char* const* argv) {
  started = utc_now();
  command_line.clear();
  for (int i = 0; i < argc; ++i) command_line.push_back(without_home(argv[i]));
  if (!command_line.empty()) command_line[0] = "qwench";
}

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  line.erase(line.find_last_not_of(" \t\r\n") + 1);
  return line;
}

std::string version_text() {
  return fmt::format("{} (commit {}, {})", QWENCH_VERSION, QWENCH_GIT_HASH, QWENCH_BUILD_TYPE);
}

const std::string& program_hash() {
  static const std::string hash = [] {
    try {
#ifdef __APPLE__
      return file_hash(program_file());
#else
      return file_hash(
          "/proc/self/exe");  // this very program, even where its name leads to another by now
#endif
    } catch (const Error&) {
      return std::string();
    }
  }();
  return hash;
}

std::string without_home(std::string text) {
  const char* home = std::getenv("HOME");
  if (!home || std::strlen(home) < 2) return text;
  const std::string folder = home;
  for (size_t at = text.find(folder); at != std::string::npos; at = text.find(folder, at + 1))
    text.replace(at, folder.size(), "~");
  return text;
}

std::string model_name(const std::string& path) {
  const size_t end = path.find_last_not_of('/');
  if (end == std::string::npos) return path;
  const size_t slash = path.find_last_of('/', end);
  return path.substr(slash == std::string::npos ? 0 : slash + 1, end - slash);
}

std::string isa_option() { return std::string(cpu::kIsaLimitNames[size_t(cpu::cpu_info().limit)]); }

std::string isa_text() {
  const cpu::CpuInfo& info = cpu::cpu_info();
  std::string text;
  const auto add = [&text](bool has, const char* name) {
    if (has) text += (text.empty() ? "" : " ") + std::string(name);
  };
  add(info.avx2, "avx2 fma f16c"), add(info.avx512, "avx512"), add(info.avx_vnni, "avx_vnni");
  add(info.avx512_vnni, "avx512_vnni"), add(info.avx512_bf16, "avx512_bf16");
  return text.empty() ? "scalar" : text;
}

std::string utc_now() { return utc_text(unix_now_ns()); }

OrderedJson environment_block() {
  return {{"tool", tool_block()},
          {"os", os_block()},
          {"cpu", cpu_block()},
          {"ram_bytes", total_memory_bytes()},
          {"available_bytes", available_memory_bytes()},
          {"load_average", load_average()},
          {"openmp", openmp_variables()},
          {"command_line", command_line},
          {"started", text_or_null(started)},
          {"reported", utc_now()}};
}

std::string environment_line() {
  const cpu::CpuInfo& info = cpu::cpu_info();
  return fmt::format("qwench {}, {}, {} cores, {}, {}{}", version_text(), info.model,
                     info.physical_cores, isa_text(), format_bytes(total_memory_bytes()),
                     sanitized() ? ", SANITIZER BUILD: times mean nothing" : "");
}

}  // namespace qwench::bench
