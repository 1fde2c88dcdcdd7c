// The figures change every 20 to 100 ms, hence windows of 5 s at least.
#include "bench/machine/energy/nvml.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <vector>

#include "engine/base/json.h"

namespace qwench::bench {

namespace {

struct Gpu {
  NvmlFunctions::Device device = nullptr;
  std::string name;
  unsigned long long first_mj = 0;
};

class Nvml : public EnergySource {
 public:
  Nvml(const NvmlFunctions& functions, std::vector<Gpu> gpus, bool counter)
      : nvml_(functions), gpus_(std::move(gpus)), counter_(counter) {}
  ~Nvml() override { nvml_.shutdown(); }

  std::string name() const override {
    std::string names;
    for (const Gpu& gpu : gpus_) names += (names.empty() ? "" : " + ") + gpu.name;
    return "NVML " + names;
  }
  Provenance provenance() const override { return Provenance::kNvml; }
  std::string method() const override {
    return counter_ ? "difference of the energy counters of all GPUs"
                    : "power of all GPUs by the trapezoid rule";
  }
  bool counter() const override { return counter_; }
  int64_t update_ns() const override { return 100'000'000; }
  int64_t shortest_window_ns() const override { return 5'000'000'000; }

  EnergyReading read() override {
    double sum = 0;
    for (const Gpu& gpu : gpus_) {
      const EnergyReading one = counter_ ? joules(gpu) : watts(gpu);
      if (!one.problem.empty()) return one;
      sum += one.value;
    }
    return {sum, ""};
  }

 private:
  EnergyReading joules(const Gpu& gpu) const {
    unsigned long long mj = 0;
    if (const int code = nvml_.total_energy(gpu.device, &mj)) return failure(gpu, code);
    if (mj < gpu.first_mj) return {0, gpu.name + ": the energy counter went backwards"};
    return {double(mj - gpu.first_mj) * 1e-3, ""};
  }
  EnergyReading watts(const Gpu& gpu) const {
    unsigned mw = 0;
    if (const int code = nvml_.power_usage(gpu.device, &mw)) return failure(gpu, code);
    return {double(mw) * 1e-3, ""};
  }
  EnergyReading failure(const Gpu& gpu, int code) const {
    return {0, gpu.name + ": " + nvml_.error_string(code)};
  }

  NvmlFunctions nvml_;
  std::vector<Gpu> gpus_;
  bool counter_;
};

/// Every GPU; none with a reason.
std::vector<Gpu> list_gpus(const NvmlFunctions& nvml, std::string& reason) {
  unsigned count = 0;
  if (const int code = nvml.device_count(&count)) reason = nvml.error_string(code);
  if (count == 0 && reason.empty()) reason = "the driver sees no GPU";
  std::vector<Gpu> gpus;
  for (unsigned i = 0; i < count && reason.empty(); ++i) {
    Gpu gpu;
    char name[96] = {};
    if (const int code = nvml.device(i, &gpu.device))
      reason = fmt::format("GPU {}: {}", i, nvml.error_string(code));
    else if (nvml.device_name(gpu.device, name, sizeof name - 1) == 0)
      gpu.name = name;
    if (gpu.name.empty()) gpu.name = fmt::format("GPU {}", i);
    gpus.push_back(std::move(gpu));
  }
  return gpus;
}

bool all_count(const NvmlFunctions& nvml, std::vector<Gpu>& gpus) {
  if (!nvml.total_energy) return false;
  for (Gpu& gpu : gpus)
    if (nvml.total_energy(gpu.device, &gpu.first_mj) != 0) return false;
  return true;
}

/// "" when every GPU states its power.
std::string why_no_power(const NvmlFunctions& nvml, const std::vector<Gpu>& gpus) {
  for (const Gpu& gpu : gpus) {
    unsigned mw = 0;
    if (const int code = nvml.power_usage(gpu.device, &mw))
      return fmt::format(
          "{}: {}; laptop parts and cards of the GTX 1050 class have no power sensor that the "
          "driver "
          "reads, an external meter is left: --power-csv",
          gpu.name, nvml.error_string(code));
  }
  return {};
}

template <class F>
bool find(void* library, const char* name, F& to) {
  to = reinterpret_cast<F>(::dlsym(library, name));
  return to != nullptr;
}

}  // namespace

NvmlLibrary open_nvml(const char* file) {
  void* const library = ::dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char* const why = ::dlerror();
    return {std::nullopt, why ? why : fmt::format("{}: cannot be opened", file)};
  }
  NvmlFunctions f;
  const bool complete = find(library, "nvmlInit_v2", f.init) &&
                        find(library, "nvmlShutdown", f.shutdown) &&
                        find(library, "nvmlDeviceGetCount_v2", f.device_count) &&
                        find(library, "nvmlDeviceGetHandleByIndex_v2", f.device) &&
                        find(library, "nvmlDeviceGetName", f.device_name) &&
                        find(library, "nvmlDeviceGetPowerUsage", f.power_usage) &&
                        find(library, "nvmlErrorString", f.error_string);
  find(library, "nvmlDeviceGetTotalEnergyConsumption", f.total_energy);
  // Never closed: the library keeps threads of its own.
  if (!complete) return {std::nullopt, fmt::format("{}: not NVIDIA's management library", file)};
  return {f, ""};
}

FoundSource find_nvml(const NvmlLibrary& library) {
  FoundSource found{"NVML", Provenance::kNvml, nullptr, library.reason};
  if (!library.functions) return found;
  const NvmlFunctions& nvml = *library.functions;
  if (const int code = nvml.init()) {
    found.reason = nvml.error_string(code);
    return found;
  }
  std::vector<Gpu> gpus = list_gpus(nvml, found.reason);
  const bool counter = found.reason.empty() && all_count(nvml, gpus);
  if (!counter && found.reason.empty()) found.reason = why_no_power(nvml, gpus);
  if (found.reason.empty())
    found.source = std::make_unique<Nvml>(nvml, std::move(gpus), counter);
  else
    nvml.shutdown();
  return found;
}

}  // namespace qwench::bench
