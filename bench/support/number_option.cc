// Integers by from_chars: no locale, no blanks, nothing left over. Apple's C++ library has none for real numbers:
// those are strtod's, in the letters that from_chars takes.
#include "bench/support/number_option.h"

#include <CLI/CLI.hpp>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string>

namespace qwench::bench {

namespace {

template <typename T>
std::optional<T> parse_whole(std::string_view text) {
  T value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, problem] = std::from_chars(text.data(), end, value);
  if (text.empty() || problem != std::errc() || stopped != end) return std::nullopt;
  return value;
}

template <typename T>
using Parse = std::optional<T> (*)(std::string_view);

template <typename T>
CLI::Validator validator(Parse<T> parse, T min, T max, const std::string& what,
                         const std::string& shown) {
  return {[=](std::string& text) {
            const std::optional<T> value = parse(text);
            if (!value || *value < min || *value > max)
              return fmt::format("expected {}, got '{}'", what, text);
            text = fmt::format("{}", *value);
            return std::string();
          },
          shown};
}

}  // namespace

std::optional<int64_t> parse_integer(std::string_view text) { return parse_whole<int64_t>(text); }
std::optional<uint64_t> parse_unsigned(std::string_view text) {
  return parse_whole<uint64_t>(text);
}

std::optional<double> parse_real(std::string_view text) {
  const std::string copy(text);
  if (text.empty() || text[0] == '+' || text.find_first_not_of("0123456789.+-eE") != text.npos)
    return std::nullopt;
  char* end = nullptr;
  errno = 0;
  const double value = std::strtod(copy.c_str(), &end);  // LC_NUMERIC is "C": nobody sets it
  const bool vanished = errno == ERANGE && value == 0;
  if (end != copy.c_str() + copy.size() || !std::isfinite(value) || vanished) return std::nullopt;
  return value + 0.0;  // -0 becomes 0
}

CLI::Validator number_within(int64_t min, int64_t max) {
  return validator<int64_t>(parse_integer, min, max,
                            fmt::format("an integer from {} to {}", min, max),
                            fmt::format("[{} - {}]", min, max));
}

CLI::Validator number_within(double min, double max) {
  return validator<double>(parse_real, min, max, fmt::format("a number from {} to {}", min, max),
                           fmt::format("[{} - {}]", min, max));
}

CLI::Validator finite_number() {
  return validator<double>(parse_real, -HUGE_VAL, HUGE_VAL, "a finite decimal number", "");
}

}  // namespace qwench::bench
