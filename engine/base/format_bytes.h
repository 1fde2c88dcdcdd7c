// Sizes as people read them, in messages and tables.
#pragma once
#include <cstdint>
#include <string>

namespace qwench {

/// "1.50 GiB", "12.00 MiB", "17 B".
std::string format_bytes(int64_t bytes);

}  // namespace qwench
