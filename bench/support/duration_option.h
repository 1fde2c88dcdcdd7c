// An option that is a time with its unit: "500ms", "90s", "30m", "2h".
#pragma once
#include <cstdint>
#include <string>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace qwench::bench {

/// Nanoseconds, `least` to `most`; a number without a unit, or a time outside, is a parse error (exit
/// code 2).
CLI::Option* add_duration_option(CLI::App& command, const std::string& names, int64_t& ns,
                                 const std::string& description, int64_t least, int64_t most);

/// "500 ms", "90 s", "30 m", "2 h": the largest unit that leaves a whole number.
std::string duration_text(int64_t ns);

}  // namespace qwench::bench
