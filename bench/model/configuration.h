// A configuration as every command that compares writes it: `NAME:key=value,key=value`. `NAME:`
// alone is the command's own model options; a key changes one of them. The keys are rows of one
// table in configuration.cc.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "bench/model/model_options.h"
#include "engine/base/json.h"

namespace qwench::bench {

/// Damage on purpose: Gaussian noise on the output of one layer, and every op made slower.
struct Injection {
  int64_t layer = -1;  // counted from 0; -1: none
  double noise = 0;    // standard deviation as a part of the RMS of the layer's output
  double delay = 0;    // of every op, as a part of its own time
};

struct Configuration {
  std::string name;
  ModelOptions model;
  Injection inject;
  std::string text;    // canonical: the given keys in the order of the table
  std::string loaded;  // the same without name and inject.delay: what must be in memory to run it
};

/// Reads `NAME:key=value,...` over `base`. Kernels of the configuration override those of the base.
/// A value cannot hold a comma. UsageError, prefixed with `option`, on: no name, a key that is
/// unknown (with the nearest and all that there are), repeated or without value, a value that its
/// key does not take.
Configuration parse_configuration(std::string_view text, const ModelOptions& base,
                                  std::string_view option);

/// {"layer", "noise", "seed", "delay"}, the first three null without noise; null where nothing is damaged.
OrderedJson injection_json(const Configuration& configuration);

/// UsageError when two of them have one name: rows of a report are told apart by it.
void require_distinct_names(const std::vector<Configuration>& configurations);

/// "model, dtype, kernel.OP, ...": the keys, for help texts.
std::string configuration_keys();

}  // namespace qwench::bench
