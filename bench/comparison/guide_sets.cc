// Modes are rows of one table; devices are asked of the build.
#include "bench/comparison/guide_sets.h"

#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include "bench/support/output.h"
#include "bench/support/suggest.h"
#include "bench/support/table.h"
#include "engine/base/check.h"

namespace qwench::bench {

namespace {

struct Mode {
  std::string_view name, keys;  // of the configuration
  std::string_view meaning;
  bool here = true;
};

constexpr Mode kModes[] = {
    {"original", "kernel=reference", "every op at its reference kernel"},
    {"split_native", "", "the default kernels; ops are timed apart"},
    {"run_onnx", "", "not applicable: this program runs no ONNX graphs", false},
};

std::string mode_configuration(const std::string& name) {
  std::vector<std::string> names;
  for (const Mode& mode : kModes) {
    names.emplace_back(mode.name);
    if (mode.name != name) continue;
    if (!mode.here) fail_usage("--modes: {} is {}", name, mode.meaning);
    return fmt::format("{}:{}", mode.name, mode.keys);
  }
  const std::string near = nearest(name, names);
  fail_usage("--modes: expected {}, all or list, got {}{}", fmt::join(names, ", "), in_quotes(name),
             near.empty() ? "" : "; did you mean " + near + "?");
}

std::vector<std::string> mode_configurations(const std::vector<std::string>& modes) {
  std::vector<std::string> texts;
  for (const std::string& name : modes) {
    if (name != "all") texts.push_back(mode_configuration(name));
    for (const Mode& mode : kModes)
      if (name == "all" && mode.here) texts.push_back(mode_configuration(std::string(mode.name)));
  }
  return texts;
}

std::vector<std::string> device_configurations() {
  std::vector<std::string> texts;
  for (const char* name : {"cpu", "cuda", "metal"}) try {
      check_backend(name);
      texts.push_back(fmt::format("{}:backend={}", name, name));
    } catch (const UsageError& missing) {
      note(fmt::format("note: not compared: {}", missing.what()));
    }
  return texts;
}

std::vector<std::string> quantization_configurations(const GuideOptions& o,
                                                     const ModelOptions& model) {
  const bool stored_quantized = is_quantized(weight_dtype(model, open_model(model)->config()));
  return {stored_quantized ? "non_quantized:dtype=bf16" : "non_quantized:",
          "quantized:dtype=" + o.quantize};
}

}  // namespace

void add_guide_options(CLI::App& command, GuideOptions& o) {
  command
      .add_option("--modes", o.modes,
                  "Compare modes of the guides: original, split_native, all; `list` explains")
      ->delimiter(',');
  command.add_flag("--compare-devices", o.devices, "Compare the backends that there are here");
  command.add_flag("--compare-quantization", o.quantization,
                   "Compare the weights as stored with --quantize");
  command.add_option("--quantize", o.quantize, "Type of --compare-quantization")
      ->check(CLI::IsMember({"q8_0", "q4_0", "q4g"}))
      ->capture_default_str();
}

std::string modes_text() {
  Table table({"<mode", "<configuration", "<meaning"});
  for (const Mode& mode : kModes)
    table.add({std::string(mode.name), mode.here ? fmt::format("{}:{}", mode.name, mode.keys) : "-",
               std::string(mode.meaning)});
  return table.to_string();
}

std::vector<std::string> guide_configurations(const GuideOptions& o, const ModelOptions& model) {
  if (int(!o.modes.empty()) + int(o.devices) + int(o.quantization) > 1)
    fail_usage("expected one of --modes, --compare-devices, --compare-quantization, got more");
  if (!o.modes.empty()) return mode_configurations(o.modes);
  if (o.devices) return device_configurations();
  if (o.quantization) return quantization_configurations(o, model);
  return {};
}

}  // namespace qwench::bench
