// What a measurement depends on besides the model: the build, the machine and its state. No host
// name, user name or home folder appears in it, so that a report can be published as it is.
#pragma once
#include <string>

#include "engine/base/json.h"

namespace qwench::bench {

/// The `environment` block of every report. Unknown values are null.
OrderedJson environment_block();

/// One line for people: processor, cores, memory, system.
std::string environment_line();

}  // namespace qwench::bench
