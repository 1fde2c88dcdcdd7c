// From finished parts to the output under its final name: a folder, or a GGUF file.
#pragma once
#include <string>
#include <vector>

#include "bench/quantize/options.h"
#include "bench/quantize/partial.h"

namespace qwench::bench {

/// UsageError when the output is there and may not be replaced, is not what --force may replace (anything of
/// another's making in a folder is not), or is the model itself.
void check_output(const QuantizeOptions& options);

/// Puts the output in place of OUT.partial. Returns what a person should know about it.
std::vector<std::string> finish_output(const QuantizeOptions& options, const Checkpoint& source,
                                       const std::vector<PlannedPart>& plan, const TypeRules& rules,
                                       const Partial& partial);

}  // namespace qwench::bench
