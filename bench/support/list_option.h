// Comma-separated integers on the command line: "1,2,4".
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace qwench::bench {

/// UsageError naming `option` and the offending item, unless every item is a plain decimal integer
/// within [min, max]. An empty text is an empty list; an empty item ("1,,2") is an error.
std::vector<int64_t> parse_list(std::string_view text, std::string_view option, int64_t min,
                                int64_t max);

/// The same, sorted and without repetitions: the values of a benchmark axis.
std::vector<int64_t> parse_axis(std::string_view text, std::string_view option, int64_t min,
                                int64_t max);

}  // namespace qwench::bench
