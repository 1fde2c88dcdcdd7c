// from_chars: no locale, no blanks, nothing left over.
#include "bench/support/number_option.h"

#include <CLI/CLI.hpp>
#include <charconv>
#include <cmath>

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
  const std::optional<double> value = parse_whole<double>(text);  // reads "nan" and "inf" too
  if (!value || !std::isfinite(*value)) return std::nullopt;
  return *value + 0.0;  // -0 becomes 0
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
