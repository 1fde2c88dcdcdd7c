// Files that lie beside results and are none: what they are, so that a whole folder can be given.
#pragma once
#include <string>

#include "engine/base/json.h"

namespace qwench::bench::report {

/// "a trace (`--trace`); open it in ui.perfetto.dev"; "" of what says that it is a result, even a
/// spoiled one.
std::string other_kind_of(const Json& json);

/// The same of files that are no JSON, by how their names end.
std::string other_form_of(const std::string& file);

}  // namespace qwench::bench::report
