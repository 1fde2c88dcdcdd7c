// Spinning start and end, because a thread that has to be woken costs more than a slice may vary. A
// team that has nothing to do for a while sleeps: what runs between two readings has the cores.
#include "cpu/probe_race.h"

#include <algorithm>
#include <chrono>
#include <system_error>

#include "engine/base/check.h"

namespace qwench::cpu {
namespace {

constexpr int kSpins = 2000, kYields = 20000;

template <class Condition>
void wait(Condition met) {
  for (int spins = 0; !met(); ++spins) {
    if (spins < kSpins) continue;
    if (spins < kSpins + kYields)
      std::this_thread::yield();  // more threads than cores: let them run
    else
      std::this_thread::sleep_for(std::chrono::microseconds(500));
  }
}

}  // namespace

double seconds_now() {
  using Seconds = std::chrono::duration<double>;
  return Seconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double quantile(std::vector<double> values, double fraction) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  return values[static_cast<size_t>(fraction * static_cast<double>(values.size() - 1) + 0.5)];
}

ProbeTeam::ProbeTeam(int threads) : threads_(threads), spans_(static_cast<size_t>(threads)) {
  try {
    for (int t = 1; t < threads; ++t) workers_.emplace_back([this, t] { serve(t); });
  } catch (const std::system_error& e) {
    stop();
    fail("probe: expected {} threads, got {} ({})", threads, workers_.size() + 1, e.what());
  }
}

double ProbeTeam::run(const std::function<void(int)>& work) {
  work_ = &work;
  ready_.store(0);
  done_.store(0);
  slice_.fetch_add(1);
  part(0);
  wait([this] { return done_.load() == threads_; });
  double first = spans_[0].start, last = spans_[0].end;
  for (const Span& s : spans_) {
    first = std::min(first, s.start);
    last = std::max(last, s.end);
  }
  return std::max(last - first, 1e-9);
}

void ProbeTeam::part(int thread) {
  Span& span = spans_[static_cast<size_t>(thread)];
  ready_.fetch_add(1);
  wait([this] { return ready_.load() == threads_; });
  span.start = seconds_now();
  (*work_)(thread);
  span.end = seconds_now();
  done_.fetch_add(1);
}

void ProbeTeam::serve(int thread) {
  for (int64_t seen = 0;; ++seen) {
    wait([&] { return slice_.load() != seen || stop_.load(); });
    if (stop_.load()) return;
    part(thread);
  }
}

void ProbeTeam::stop() {
  stop_.store(true);
  for (std::thread& worker : workers_) worker.join();
}

Winner race(int kernels, double seconds, const std::function<double(int)>& rate) {
  std::vector<std::vector<double>> samples(static_cast<size_t>(kernels));
  std::vector<double> best(static_cast<size_t>(kernels), 0.0);
  const double end = seconds_now() + seconds;
  for (int round = 0; round < 4 || seconds_now() < end; ++round) {
    const double leader = *std::max_element(best.begin(), best.end());
    for (int k = 0; k < kernels; ++k) {
      const size_t i = static_cast<size_t>(k);
      if (round >= 3 && best[i] < 0.85 * leader) continue;
      const double value = rate(k);
      best[i] = std::max(best[i], value);
      if (round > 0) samples[i].push_back(value);
    }
  }
  Winner winner;
  for (int k = 0; k < kernels; ++k) {
    const double middle = quantile(samples[static_cast<size_t>(k)], 0.5);
    if (middle > winner.per_second) winner = {k, middle};
  }
  return winner;
}

}  // namespace qwench::cpu
