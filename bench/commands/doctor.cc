// `qwench doctor`: what this machine and this build can do, what is missing, and how to get it.
#include <CLI/CLI.hpp>

#include "bench/commands.h"
#include "bench/machine/ceilings.h"
#include "bench/machine/energy/find_sources.h"
#include "bench/machine/environment.h"
#include "bench/machine/host.h"
#include "bench/machine/model_fit.h"
#include "bench/machine/preflight.h"
#include "bench/model/kv_choice.h"
#include "bench/model/model_options.h"
#include "bench/support/exit_code.h"
#include "bench/support/number_option.h"
#include "bench/support/output.h"
#include "bench/support/program.h"
#include "bench/support/table.h"
#include "cuda/cuda_backend.h"
#include "engine/base/host_memory.h"
#include "metal/metal_backend.h"

namespace qwench::bench {

namespace {

struct DoctorOptions {
  ModelOptions model;  // only -m, -t and what a model in memory depends on
  bool json = false, hints = false;
};

OrderedJson backend_json(const char* name, const char* missing) {
  OrderedJson reason = nullptr;
  if (missing) reason = missing;
  return {{"name", name}, {"available", missing == nullptr}, {"reason", reason}};
}

OrderedJson backends_json() {
  return OrderedJson::array({backend_json("cpu", nullptr),
                             backend_json("cuda", cuda::cuda_unavailable()),
                             backend_json("metal", metal::metal_unavailable())});
}

/// What would make measurements wrong or slow, for people.
std::vector<std::string> warnings(const OrderedJson& environment) {
  std::vector<std::string> list;
  const OrderedJson& tool = environment["tool"];
  if (tool["build_type"] != "Release")
    list.emplace_back("not a Release build: build with `cmake --preset release`");
  if (tool["sanitizer"] == true) list.emplace_back("sanitizers are on: times mean nothing");
  const BackendInfo& info = host();
  if (!info.has("avx2"))
    list.emplace_back(
        "no AVX2, FMA and F16C: only the kernels for any CPU run here, many times slower");
  if (info.virtual_machine.value_or(false))
    list.emplace_back("a virtual machine: neighbours can slow it down at any time");
  const OrderedJson& governor = environment["cpu"]["governor"];
  if (governor.is_string() && governor != "performance")
    list.push_back("frequency governor is " + governor.get<std::string>() + ": speeds may swing");
  const OrderedJson& load = environment["load_average"];
  if (load.is_array() && load[0].get<double>() > 0.5 * info.logical_cores)
    list.push_back(
        fmt::format("load average {:.2f}: another program is working", load[0].get<double>()));
  return list;
}

std::string sizes_text(const BackendInfo& info) {
  return fmt::format("{} physical, {} logical; L1d {}, L2 {}, L3 {}", info.physical_cores,
                     info.logical_cores, format_bytes(info.l1d_bytes), format_bytes(info.l2_bytes),
                     format_bytes(info.l3_bytes));
}

std::string probes_text(const Ceilings& r) {
  Table table({"<measured", "threads", "rate", "% of per-cycle limit", "<probe kernel"});
  for (const Probe* p : {&r.dram_read, &r.fp32_fma, &r.bf16, &r.int8, &r.int8_dot}) {
    if (p->name.empty()) continue;
    table.add({p->name, std::to_string(p->threads),
               fmt::format("{:.1f} G{}", p->per_second / 1e9, p->unit),
               p->limit > 0 ? fmt::format("{:.1f}", 100 * p->per_second / p->limit) : "-",
               p->kernel});
  }
  return table.to_string() + fmt::format("clock of a busy core: {:.2f} GHz\n", r.clock_hz / 1e9);
}

std::string report_text(const OrderedJson& environment, const OrderedJson& backends,
                        const Ceilings& roofline, const std::string& energy) {
  const BackendInfo& info = host();
  Table facts({"<qwench", "<" + version_text()});
  facts.add({"system", environment["os"]["kernel"].get<std::string>()});
  facts.add({"processor", info.device});
  facts.add({"instructions", isa_text()});
  facts.add({"cores", sizes_text(info)});
  facts.add({"memory", fmt::format("{}, {} available", format_bytes(total_memory_bytes()),
                                   format_bytes(available_memory_bytes()))});
  for (const OrderedJson& b : backends)
    facts.add({"backend " + b["name"].get<std::string>(),
               b["available"] == true ? "ready" : b["reason"].get<std::string>()});
  facts.add(
      {"sentencepiece",
       environment["tool"]["sentencepiece"] == true
           ? "built in"
           : "not built (install libsentencepiece-dev and build again); Qwen does not need it"});
  std::string text = facts.to_string() + "\n" + probes_text(roofline) + "energy: " + energy + "\n";
  text += "\n" + checks_text(preflight());
  for (const std::string& warning : warnings(environment)) text += "warning: " + warning + "\n";
  return text;
}

int run_doctor(const DoctorOptions& o) {
  if (o.hints) {
    print(o.json ? to_text({{"schema_version", 1}, {"common_failures", common_failures()}})
                 : common_failures_text());
    return kExitOk;
  }
  if (!o.model.model.empty()) open_model(o.model);  // what is wrong with it is said at once
  const int threads = threads_or_default(o.model.threads);
  Ceilings roofline;
  {
    Progress progress;
    progress.show("measuring bandwidth and peaks");
    roofline = measure_ceilings(o.model, threads, 2.0);
  }
  const OrderedJson environment = environment_block(), backends = backends_json();
  std::optional<ModelFit> fit;
  if (!o.model.model.empty()) fit = fit_of(o.model, roofline, threads);
  const std::vector<FoundSource> energy = find_energy_sources();
  if (o.json)
    print(to_text({{"schema_version", 1},
                   {"environment", environment},
                   {"backends", backends},
                   {"energy_sources", energy_sources_json(energy)},
                   {"roofline", to_json(roofline)},
                   {"preflight", checks_json(preflight())},
                   {"model", fit ? to_json(*fit) : OrderedJson(nullptr)},
                   {"warnings", warnings(environment)}}));
  else
    print(report_text(environment, backends, roofline, energy_line(energy)) +
          (fit ? "\n" + fit_text(*fit) : ""));
  return kExitOk;
}

}  // namespace

void add_doctor_command(CLI::App& program, Action& chosen) {
  auto o = std::make_shared<DoctorOptions>();
  CLI::App* command = program.add_subcommand("doctor", "Show what this machine and build can do");
  command->add_option("-m,--model", o->model.model,
                      "Does this model fit, and how fast can it be at best");
  command->add_option("--dtype", o->model.dtype,
                      "Its weights as " + weight_dtype_names() + " (default: as stored)");
  command
      ->add_option("--kv-dtype", o->model.kv_dtype,
                   std::string("Its keys and values as ") + kKvDTypes)
      ->capture_default_str();
  command->add_option("--ctx", o->model.capacity, "Its positions (default: up to 4096)")
      ->transform(number_within(int64_t(1), int64_t(1) << 31));
  add_threads_option(*command, o->model);
  command->add_flag("--hints", o->hints, "Only list what goes wrong most often, and its remedy");
  command->add_flag("--json", o->json, "One JSON document on stdout");
  command->callback([o, &chosen] { chosen = [o] { return run_doctor(*o); }; });
}

}  // namespace qwench::bench
