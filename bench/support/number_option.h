// The one reading of a number on the command line. CLI11's own lets NaN through every range, reads "0x10" as
// 16, "010" as 8 and "" as 0.
#pragma once
#include <cstdint>
#include <optional>
#include <string_view>

namespace CLI {
class Validator;
}  // namespace CLI

namespace qwench::bench {

/// The whole text as a plain decimal number: no blanks, no hexadecimal, neither NaN nor Inf; -0 is 0.
/// Nothing where it is none, or does not fit.
std::optional<int64_t> parse_integer(std::string_view text);
std::optional<uint64_t> parse_unsigned(std::string_view text);
std::optional<double> parse_real(std::string_view text);

/// For `Option::transform`: a plain decimal number within [min, max], as CLI11 will read it. The bounds stand
/// in the help.
CLI::Validator number_within(int64_t min, int64_t max);
CLI::Validator number_within(double min, double max);
/// Any finite number; its bounds are somebody else's.
CLI::Validator finite_number();

}  // namespace qwench::bench
