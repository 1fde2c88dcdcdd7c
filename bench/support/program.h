// What this program is and how it was called, in texts that can be published: no user name and no home folder
// appears in them.
#pragma once
#include <string>
#include <vector>

#include "engine/base/json.h"

namespace qwench::bench {

/// Kept for the reports; called once by main.
void remember_command_line(int argc, const char* const* argv);
/// Its words; the program's name without its folder.
const std::vector<std::string>& command_line();
/// When it was remembered; "" where it was not.
const std::string& start_time();

/// "0.1.0 (commit 0123abc, Release)".
std::string version_text();

/// The hash of the program's own file: two builds of one commit may differ. "" where it cannot be read.
const std::string& program_hash();

/// The text with the user's home folder replaced by "~".
std::string without_home(std::string text);

/// A model as reports name it: the last part of its path.
std::string model_name(const std::string& path);

/// The first line of a file such as those in /proc and /sys, without blanks at its end; "" where it
/// cannot be read.
std::string first_line(const std::string& path);

/// UTC, "2026-01-31T12:00:00Z".
std::string utc_now();

/// The `tool` block of reports: version, commit, compiler and flags.
OrderedJson build_json();
/// True where sanitizers make all times meaningless.
bool sanitizer_build();

}  // namespace qwench::bench
