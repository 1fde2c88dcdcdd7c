// The order of turns and the number of rounds; see rounds.h.
#include "bench/comparison/rounds.h"

#include <algorithm>
#include <numeric>
#include <random>

#include "bench/support/interrupt.h"
#include "bench/support/output.h"
#include "engine/base/check.h"

namespace qwench::bench {

namespace {

constexpr int64_t kLeastRounds = 12, kMostRounds = 1000;

class Referee {
 public:
  Referee(Arms& arms, const Workload& workload, const RoundSettings& settings)
      : arms_(arms), settings_(settings), random_(settings.seed) {
    for (const Phase phase : {Phase::kPrefill, Phase::kDecode})
      if (workload.tokens(phase)) measured_.phases.push_back(phase);
    measured_.turns.assign(measured_.phases.size(), Turns(n_arms()));
  }

  Measured run() {
    const double round_ns = warm_up();
    const int64_t rounds = rounds_for(round_ns);
    std::vector<size_t> order(n_arms());
    std::iota(order.begin(), order.end(), size_t(0));
    for (int64_t round = 0; round < rounds && !interrupted(); ++round) {
      if (settings_.progress) settings_.progress(round, rounds);
      if (round % 2 == 0)
        std::shuffle(order.begin(), order.end(), random_);
      else
        std::reverse(order.begin(), order.end());
      if (!take_round(order)) continue;
      ++measured_.rounds;
      if (settings_.after_round) settings_.after_round(measured_);
    }
    return std::move(measured_);
  }

 private:
  size_t n_arms() const { return arms_.count() + 1; }
  size_t configuration_of(size_t arm) const { return arm + 1 == n_arms() ? 0 : arm; }

  std::optional<Turn> take_turn(size_t phase, size_t arm, int64_t repeats) {
    return arms_.take_turn(configuration_of(arm), measured_.phases[phase], repeats);
  }

  /// Every arm twice; then as many passes a turn, the same for all, as the shortest arm needs. Returns the
  /// time that a round will take, with what a turn takes besides its passes.
  double warm_up() {
    double round_ns = 0;
    for (size_t phase = 0; phase < measured_.phases.size(); ++phase) {
      double shortest = settings_.turn_ns, passes = 0;
      int64_t began = 0;
      for (int again = 0; again < 2; ++again) {
        passes = 0, began = now_ns();
        for (size_t arm = 0; arm < n_arms(); ++arm) {
          const std::optional<Turn> turn = take_turn(phase, arm, 1);
          if (!turn) return 0;
          shortest = std::min(shortest, turn->ns), passes += turn->ns;
        }
      }
      const double besides = double(now_ns() - began) - passes;
      measured_.repeats.push_back(std::max<int64_t>(1, int64_t(settings_.turn_ns / shortest)));
      round_ns += passes * double(measured_.repeats.back()) + std::max(0.0, besides);
    }
    return round_ns;
  }

  int64_t rounds_for(double round_ns) const {
    if (round_ns <= 0) return 0;
    if (settings_.rounds) return settings_.rounds;
    return std::clamp(int64_t(settings_.seconds * 1e9 / round_ns), kLeastRounds, kMostRounds);
  }

  /// False when interrupted: then nothing of the round is kept.
  bool take_round(const std::vector<size_t>& order) {
    std::vector<std::vector<Turn>> of_round(measured_.phases.size(), std::vector<Turn>(n_arms()));
    for (size_t phase = 0; phase < measured_.phases.size(); ++phase)
      for (const size_t arm : order) {
        std::optional<Turn> turn = take_turn(phase, arm, measured_.repeats[phase]);
        if (!turn) return false;
        of_round[phase][arm] = std::move(*turn);
      }
    for (size_t phase = 0; phase < measured_.phases.size(); ++phase)
      for (size_t arm = 0; arm < n_arms(); ++arm)
        measured_.turns[phase][arm].push_back(std::move(of_round[phase][arm]));
    return true;
  }

  Arms& arms_;
  const RoundSettings& settings_;
  std::mt19937_64 random_;
  Measured measured_;
};

}  // namespace

Measured take_turns(Arms& arms, const Workload& workload, const RoundSettings& settings) {
  return Referee(arms, workload, settings).run();
}

}  // namespace qwench::bench
