// Readings of a counter of energy or of a power over time, and what lies between two moments of it.
// Nothing is extrapolated: a window that the readings do not cover has no energy, but a reason.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace qwench::bench {

struct PowerPoint {
  int64_t ns = 0;    // on the clock of now_ns()
  double value = 0;  // counter: joules since some moment; else watts
};

struct PowerSeries {
  bool counter = false;
  int64_t update_ns = 0;       // the figure changes so often
  int64_t longest_gap_ns = 0;  // two readings further apart leave a hole; 0: no limit
  std::vector<PowerPoint> points;
  std::string problem;  // why readings ended early; "": they did not
};

struct WindowEnergy {
  std::optional<double> joules, watts_mean, watts_peak;
  std::string reason;  // why they are missing; "": they are not
};

/// Energy between two moments: the difference of the counter, or the power by the trapezoid rule; at the
/// ends of the window linear between the readings around it. The peak is that of one update of the
/// figure.
WindowEnergy integrate(const PowerSeries& series, int64_t from_ns, int64_t to_ns);

}  // namespace qwench::bench
