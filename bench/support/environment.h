// What a measurement depends on besides the model: the build, the machine and its state. No host
// name, user name or home folder appears in it, so that a report can be published as it is.
#pragma once
#include <string>

#include "engine/base/json.h"

namespace qwench::bench {

/// Kept for the reports; called once by main.
void remember_command_line(int argc, const char* const* argv);

/// "0.1.0 (commit 0123abc, Release)".
std::string version_text();

/// The hash of the program's own file: two builds of one commit may differ. "" where it cannot be read.
const std::string& program_hash();

/// The text with the user's home folder replaced by "~".
std::string without_home(std::string text);

/// A model as reports name it: the last part of its path.
std::string model_name(const std::string& path);

/// "avx2", "avx512": the instruction sets that this processor offers the kernels; "scalar" when
/// none.
std::string isa_text();
/// What --isa came to: "native", "avx2" or "base".
std::string isa_option();

/// The first line of a file such as those in /proc and /sys, without blanks at its end; "" where it
/// cannot be read.
std::string first_line(const std::string& path);

/// UTC, "2026-01-31T12:00:00Z".
std::string utc_now();

/// The `environment` block of every report. Unknown values are null.
OrderedJson environment_block();

/// One line for people: processor, cores, memory, system.
std::string environment_line();

}  // namespace qwench::bench
