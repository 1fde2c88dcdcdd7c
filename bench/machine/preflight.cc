// Each check reads one file or makes one call; what cannot be read is "unknown", never "ok".
#include "bench/machine/preflight.h"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>

#include "bench/machine/host.h"
#include "bench/support/program.h"
#include "bench/support/table.h"
#include "engine/base/cgroup.h"
#include "engine/base/check.h"
#include "engine/base/host_memory.h"

namespace qwench::bench {

namespace {

namespace fs = std::filesystem;
constexpr int64_t kGb = 1'000'000'000;

Check unknown(std::string name, std::string expected) {
  return {std::move(name), "not readable here", std::move(expected), Fitness::kUnknown, ""};
}

Check judged(Check check, bool ok) {
  check.fitness = ok ? Fitness::kOk : Fitness::kWarning;
  if (ok) check.fix.clear();
  return check;
}

/// A file's text against the one that is wanted; `path` below the root.
Check setting(const char* name, const std::string& path, const std::string& wanted,
              const char* expected, const char* fix) {
  const std::string found = first_line(path);
  if (found.empty()) return unknown(name, expected);
  return judged({name, found, expected, Fitness::kUnknown, fix}, found == wanted);
}

Check memory() {
  const int64_t all = total_memory_bytes(), free = available_memory_bytes();
  return judged({"memory", fmt::format("{}, {} available", format_bytes(all), format_bytes(free)),
                 "16 GB, half of it available", Fitness::kUnknown,
                 "close other programs; choose a smaller model, --dtype q4g, a smaller --ctx"},
                all >= 15 * kGb && 2 * free >= all);
}

Check disk(const std::string& folder) {
  std::error_code failed;
  const fs::space_info space = fs::space(folder, failed);
  if (failed) return unknown("disk", "20 GB free");
  return judged(
      {"disk", fmt::format("{} free", format_bytes(int64_t(space.available))), "20 GB free",
       Fitness::kUnknown, "free some space, or keep models elsewhere (-m PATH, QWENCH_MODELS)"},
      space.available >= uintmax_t(20 * kGb));
}

/// "0.10 0.20 0.30 2/345 6789": what runs beside this program.
Check load(const std::string& root) {
  std::istringstream line(first_line(root + "proc/loadavg"));
  double one = 0, five = 0, fifteen = 0;
  std::string tasks;
  if (!(line >> one >> five >> fifteen >> tasks)) return unknown("load", "below half of the cores");
  const int64_t runnable = std::max<int64_t>(std::atoll(tasks.c_str()) - 1, 0);
  const int cores = host().logical_cores;
  return judged(
      {"load", fmt::format("{:.2f} on {} cores, {} other tasks running now", one, cores, runnable),
       "below half of the cores", Fitness::kUnknown,
       "wait for other programs or stop them; `top` names them"},
      one < 0.5 * cores);
}

Check governor(const std::string& root) {
  return setting("governor", root + "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
                 "performance", "performance",
                 "sudo cpupower frequency-set -g performance (before measuring)");
}

/// intel_pstate says "no_turbo", the others "boost".
Check turbo(const std::string& root) {
  const std::string off = first_line(root + "sys/devices/system/cpu/intel_pstate/no_turbo"),
                    on = first_line(root + "sys/devices/system/cpu/cpufreq/boost");
  if (off.empty() && on.empty()) return unknown("turbo", "off, for figures that repeat");
  const bool is_on = off == "0" || on == "1";
  return judged(
      {"turbo", is_on ? "on" : "off", "off, for figures that repeat", Fitness::kUnknown,
       "fastest as it is; for repeatable figures write 1 to intel_pstate/no_turbo or 0 to "
       "cpufreq/boost"},
      !is_on);
}

Check smt(const std::string& root) {
  const std::string active = first_line(root + "sys/devices/system/cpu/smt/active");
  if (active.empty()) return unknown("SMT", "known");
  return judged({"SMT", active == "1" ? "on" : "off", "one thread per core", Fitness::kUnknown,
                 "nothing: qwench starts one thread per physical core unless -t says otherwise"},
                true);
}

Check huge_pages(const std::string& root) {
  const std::string modes = first_line(root + "sys/kernel/mm/transparent_hugepage/enabled");
  if (modes.empty()) return unknown("huge pages", "always or madvise");
  const size_t open = modes.find('['), close = modes.find(']');
  const bool chosen = open != std::string::npos && close != std::string::npos && close > open;
  const std::string mode = chosen ? modes.substr(open + 1, close - open - 1) : modes;
  return judged({"huge pages", mode, "always or madvise", Fitness::kUnknown,
                 "echo madvise | sudo tee /sys/kernel/mm/transparent_hugepage/enabled"},
                mode == "always" || mode == "madvise");
}

Check swap(const std::string& root) {
  std::ifstream file(root + "proc/meminfo");
  int64_t total = -1, free = -1;
  for (std::string line; std::getline(file, line);) {
    if (line.rfind("SwapTotal:", 0) == 0) total = std::atoll(line.c_str() + 10);
    if (line.rfind("SwapFree:", 0) == 0) free = std::atoll(line.c_str() + 9);
  }
  if (total < 0 || free < 0 || total > (int64_t(1) << 50)) return unknown("swap", "not in use");
  const int64_t used = std::max<int64_t>(total - free, 0) * 1024;
  return judged({"swap", fmt::format("{} used", format_bytes(used)), "not in use",
                 Fitness::kUnknown, "a model in swap runs at disk speed: choose a smaller one"},
                used < (int64_t(64) << 20));
}

Check power(const std::string& root) {
  std::error_code ignored;
  bool mains = false, online = false;
  for (const fs::directory_entry& entry :
       fs::directory_iterator(root + "sys/class/power_supply", ignored)) {
    if (first_line(entry.path() / "type") != "Mains") continue;
    mains = true, online = online || first_line(entry.path() / "online") == "1";
  }
  if (!mains) return unknown("power supply", "mains");
  return judged({"power supply", online ? "mains" : "battery", "mains", Fitness::kUnknown,
                 "plug it in: on battery the clock is lower and moves"},
                online);
}

Check container(const std::string& root) {
  const CgroupLimits limits = cgroup_limits(root);
  const bool memory = limits.memory_available != CgroupLimits::kNoLimit;
  std::string found;
  if (limits.cpus > 0) found = fmt::format("{:.2f} cores", limits.cpus);
  if (memory)
    found += fmt::format("{}{} of memory", found.empty() ? "" : ", ",
                         format_bytes(limits.memory_available));
  // A quota of processor time stops all threads for a while in every period: speeds swing.
  return judged({"container limits", found.empty() ? "none" : found, "no quota of processor time",
                 Fitness::kUnknown, "bind the container to whole cores (--cpuset-cpus) instead"},
                limits.cpus <= 0);
}

struct Failure {
  std::string_view symptom, cause, remedy;
};
constexpr Failure kFailures[] = {
    {"memory: ... does not fit, or the process is killed",
     "weights, context and batch are too much",
     "--dtype q4g, a smaller --ctx or batch, --kv-dtype f16; `qwench tune --mem 8GB` names models"},
    {"the model is not found", "a name that is no folder, file or shape card",
     "`qwench models` lists the cards; -m takes a folder or file; QWENCH_MODELS names a place"},
    {"a download stopped half-way", "a safetensors or GGUF file is cut off",
     "`qwench inspect -m PATH` names the file; load it again"},
    {"no tokenizer", "a shape card, or a folder without tokenizer.json",
     "put tokenizer.json beside the weights, or use --tokens"},
    {"--backend cuda: not built", "no CUDA compiler for the card when it was built",
     "run on the CPU (--backend cpu), or build again with a compiler that lists compute_61"},
    {"slower than expected", "a debug build, other programs, a low clock, too many threads",
     "`qwench doctor`; -t with the physical cores; --dtype q4g; a smaller model; fewer samples"},
    {"figures swing by more than 10 %", "other load, a moving clock, a shared machine",
     "more --runs, more --warmup, `qwench compare` instead of two runs, the performance governor"},
    {"accuracy is too low", "weights of 4 bits, keys and values as f16",
     "--dtype q8_0 or bf16, --kv-dtype f32; `qwench accuracy` shows where it begins"},
    {"an import or a build step fails", "a library is missing", "third_party/install.sh"},
};

}  // namespace

std::string_view name_of(Fitness fitness) {
  switch (fitness) {
    case Fitness::kOk: return "ok";
    case Fitness::kWarning: return "warning";
    case Fitness::kUnknown: return "unknown";
  }
  return "unknown";
}

std::vector<Check> preflight(const std::string& folder, const std::string& root) {
  return {memory(),  disk(folder),     load(root), governor(root), turbo(root),
          smt(root), huge_pages(root), swap(root), power(root),    container(root)};
}

OrderedJson checks_json(const std::vector<Check>& checks) {
  OrderedJson list = OrderedJson::array();
  for (const Check& c : checks)
    list.push_back({{"name", c.name},
                    {"status", name_of(c.fitness)},
                    {"found", c.found},
                    {"expected", c.expected},
                    {"fix", c.fix.empty() ? OrderedJson(nullptr) : OrderedJson(c.fix)}});
  return list;
}

std::string checks_text(const std::vector<Check>& checks) {
  Table table({"<check", "<status", "<found", "<expected"});
  std::string fixes;
  for (const Check& c : checks) {
    table.add({c.name, std::string(name_of(c.fitness)), c.found, c.expected});
    if (!c.fix.empty()) fixes += fmt::format("{}: {}\n", c.name, c.fix);
  }
  return table.to_string() + (fixes.empty() ? "" : "\n" + fixes);
}

OrderedJson common_failures() {
  OrderedJson list = OrderedJson::array();
  for (const Failure& f : kFailures)
    list.push_back({{"symptom", f.symptom}, {"cause", f.cause}, {"remedy", f.remedy}});
  return list;
}

std::string common_failures_text() {
  std::string text;
  for (const Failure& f : kFailures)
    text += fmt::format("{}\n  because: {}\n  remedy:  {}\n", f.symptom, f.cause, f.remedy);
  return text;
}

}  // namespace qwench::bench
