// CLI11 turns number and unit into nanoseconds, written as a plain number again.
#include "bench/support/duration_option.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <map>

namespace qwench::bench {

namespace {

constexpr int64_t kMillisecond = 1'000'000, kSecond = 1'000'000'000;

std::string check_range(const std::string& text, int64_t least, int64_t most) {
  const double ns = std::stod(text);
  if (ns >= double(least) && ns <= double(most)) return {};
  return fmt::format("expected a time from {} to {}", duration_text(least), duration_text(most));
}

}  // namespace

CLI::Option* add_duration_option(CLI::App& command, const std::string& names, int64_t& ns,
                                 const std::string& description, int64_t least, int64_t most) {
  using Unit = CLI::AsNumberWithUnit;
  const std::map<std::string, double> units = {
      {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"min", 60e9}, {"h", 3600e9}};
  const auto needs_unit = Unit::Options(Unit::CASE_INSENSITIVE | Unit::UNIT_REQUIRED);
  return command
      .add_option_function<double>(
          names, [&ns](const double& value) { ns = int64_t(value); }, description)
      ->transform(Unit(units, needs_unit, "TIME"))
      ->check(CLI::Validator(
          [least, most](std::string& text) { return check_range(text, least, most); }, ""))
      ->default_str(duration_text(ns));
}

std::string duration_text(int64_t ns) {
  struct Unit {
    const char* name;
    int64_t ns;
  };
  for (const Unit& unit :
       {Unit{"h", 3600 * kSecond}, {"m", 60 * kSecond}, {"s", kSecond}, {"ms", kMillisecond}})
    if (ns >= unit.ns && ns % unit.ns == 0) return fmt::format("{} {}", ns / unit.ns, unit.name);
  return fmt::format("{} ns", ns);
}

}  // namespace qwench::bench
