// Read from uname, /proc, /sys and what the CPU backend says; whatever is not there becomes null.
#include "bench/machine/environment.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <cstdlib>
#include <fstream>

#include "bench/machine/host.h"
#include "bench/support/output.h"
#include "bench/support/program.h"
#include "bench/support/table.h"
#include "engine/base/host_memory.h"

extern char** environ;

namespace qwench::bench {

namespace {

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

OrderedJson os_block() {
  utsname names{};
  uname(&names);  // its nodename, the host's name, is left out on purpose
  return {{"name", text_or_null(os_name())},
          {"kernel", fmt::format("{} {}", names.sysname, names.release)},
          {"machine", names.machine}};
}

OrderedJson cpu_block() {
  const BackendInfo& info = host();
  const std::string sys = "/sys/devices/system/cpu/cpu0/cpufreq/";
  return {{"model", info.device},
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

OrderedJson environment_block() {
  return {{"tool", build_json()},
          {"os", os_block()},
          {"cpu", cpu_block()},
          {"ram_bytes", total_memory_bytes()},
          {"available_bytes", available_memory_bytes()},
          {"load_average", load_average()},
          {"openmp", openmp_variables()},
          {"command_line", command_line()},
          {"started", text_or_null(start_time())},
          {"reported", utc_now()}};
}

std::string environment_line() {
  const BackendInfo& info = host();
  return fmt::format("qwench {}, {}, {} cores, {}, {}{}", version_text(), info.device,
                     info.physical_cores, isa_text(), format_bytes(total_memory_bytes()),
                     sanitizer_build() ? ", SANITIZER BUILD: times mean nothing" : "");
}

}  // namespace qwench::bench
