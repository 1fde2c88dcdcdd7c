// --seed: every number of 64 bits, exactly, and -1 for one that nobody chose.
#pragma once
#include <cstdint>
#include <string>

namespace CLI {
class App;
}  // namespace CLI

namespace qwench::bench {

/// --seed: 0 to 2^64 - 1. -1 draws one from the system and says on stderr which, so that the run can
/// be repeated.
void add_seed_option(CLI::App& command, uint64_t& seed, const std::string& help);

}  // namespace qwench::bench
