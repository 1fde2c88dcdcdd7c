// Binary units: a size that is asked for in them is printed without a fraction.
#include "engine/base/format_bytes.h"

#include <fmt/format.h>

#include <cmath>

namespace qwench {

std::string format_bytes(int64_t bytes) {
  constexpr const char* kUnits[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double value = double(bytes);
  int unit = 0;
  while (std::fabs(value) >= 1024 && unit < 4) value /= 1024, ++unit;
  return unit ? fmt::format("{:.2f} {}", value, kUnits[unit]) : fmt::format("{} B", bytes);
}

}  // namespace qwench
