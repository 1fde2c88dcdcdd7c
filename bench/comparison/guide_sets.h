// The configurations behind the guides' options --modes, --compare-devices and --compare-quantization.
#pragma once
#include <string>
#include <vector>

#include "bench/model/model_options.h"

namespace qwench::bench {

struct GuideOptions {
  std::vector<std::string> modes;  // empty: not asked for
  bool devices = false, quantization = false;
  std::string quantize = "q4g";
};

/// --modes --compare-devices --compare-quantization --quantize.
void add_guide_options(CLI::App& command, GuideOptions& options);

/// A table of the modes: what each one is here.
std::string modes_text();

/// Texts as `compare` takes them; none where nothing is asked for. What a device is missing for goes to
/// stderr. UsageError on a mode that is unknown or does not exist here.
std::vector<std::string> guide_configurations(const GuideOptions& options,
                                              const ModelOptions& model);

}  // namespace qwench::bench
