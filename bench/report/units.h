// Units as people read them: 441 GB/s for 4.41e11 B/s. Programs (JSON, CSV) get the figures as they
// were measured.
#pragma once
#include <string>

namespace qwench::bench::report {

/// A figure of the one unit times `factor` is one of the other.
struct ShownUnit {
  std::string name;
  double factor = 1;
};

/// The unit in which a figure of this size has one to four digits before the point; the same unit where
/// it is of no known family (times, bytes, rates of them).
ShownUnit shown_unit(const std::string& unit, double largest);

/// "441 GB/s", "12.3 ms", "yes" of a boolean.
std::string readable(double value, const std::string& unit);

}  // namespace qwench::bench::report
