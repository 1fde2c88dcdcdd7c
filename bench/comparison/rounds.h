// Taking turns: in every round each configuration is timed once and the first one twice, in an order
// that the next round turns round (ABBA), so that a machine that speeds up or slows down treats all
// alike. The second time of the first configuration is the control: the same work, compared with itself.
#pragma once
#include <functional>

#include "bench/comparison/arms.h"

namespace qwench::bench {

/// turns[arm][round]; the last arm is the control.
using Turns = std::vector<std::vector<Turn>>;

struct Measured {
  std::vector<Phase> phases;
  std::vector<Turns> turns;      // as `phases`
  std::vector<int64_t> repeats;  // passes a turn, as `phases`
  int64_t rounds = 0;            // complete ones
};

struct RoundSettings {
  double seconds = 40;  // of timing in all
  int64_t rounds = 0;   // 0: as many as the seconds allow
  // A turn of the shortest arm, at least: far above the clock and a wake-up. Less where one arm is many
  // times slower than another, and its turns would take all the time.
  double turn_ns = 20e6;
  uint64_t seed = 1;
  std::function<void(int64_t round, int64_t rounds)> progress;
  std::function<void(const Measured&)> after_round;  // what there is so far; may be empty
};

/// The number of rounds is decided before the first, by the time that a warm-up took: looking at results
/// to decide whether to go on would find differences where there are none. Complete rounds only.
Measured take_turns(Arms& arms, const Workload& workload, const RoundSettings& settings);

}  // namespace qwench::bench
