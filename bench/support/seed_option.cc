// CLI11 alone reads -1 as 2^64 - 1 and 0x10 as 16.
#include "bench/support/seed_option.h"

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <random>

#include "bench/support/number_option.h"
#include "bench/support/output.h"

namespace qwench::bench {

namespace {

/// Leaves a text that CLI11 reads as the same number.
std::string read_seed(std::string& text) {
  if (text == "-1") {
    std::random_device random;
    text = fmt::format("{}", uint64_t(random()) << 32 | random());
    note(fmt::format("seed {}", text));
  }
  const std::optional<uint64_t> seed = parse_unsigned(text);
  if (!seed)
    return fmt::format("expected an integer from 0 to {} or -1, got '{}'", UINT64_MAX, text);
  text = fmt::format("{}", *seed);
  return {};
}

}  // namespace

void add_seed_option(CLI::App& command, uint64_t& seed, const std::string& help) {
  command.add_option("--seed", seed, help + "; -1: a random one, which is printed")
      ->transform(CLI::Validator(read_seed, ""))
      ->capture_default_str();
}

}  // namespace qwench::bench
