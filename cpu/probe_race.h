// How probes are timed: a team of threads that starts together, and a race of kernels in short
// slices, round-robin, so that a neighbour or a moving clock hits all of them alike.
#pragma once
#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>
#include <vector>

namespace qwench::cpu {

double seconds_now();
/// The value at a fraction of the sorted values, 0.5 for the median; 0 for none.
double quantile(std::vector<double> values, double fraction);

/// The caller and threads - 1 workers, which wait awake between slices: a sleeping one would start
/// late and on a slow clock. Not the backend's team: its spinning and sleeping is not measured
/// here.
class ProbeTeam {
 public:
  explicit ProbeTeam(int threads);  // Error where the system gives fewer threads
  ~ProbeTeam() { stop(); }
  ProbeTeam(const ProbeTeam&) = delete;
  ProbeTeam& operator=(const ProbeTeam&) = delete;
  int threads() const { return threads_; }

  /// Runs work(thread) on all at once; seconds from the first start to the last end.
  double run(const std::function<void(int)>& work);

 private:
  struct alignas(64) Span {
    double start = 0, end = 0;
  };
  void part(int thread);
  void serve(int thread);
  void stop();

  const int threads_;
  std::vector<Span> spans_;
  std::vector<std::thread> workers_;
  const std::function<void(int)>* work_ = nullptr;
  std::atomic<int64_t> slice_{0};
  std::atomic<int> ready_{0}, done_{0};
  std::atomic<bool> stop_{false};
};

struct Winner {
  int index = 0;
  double per_second = 0;  // the median of its slices
};

/// Slices of all kernels in turn until the time is over (but three rounds at least), after a first
/// round that only warms up; then those whose best is 15 % behind sit out. rate(k): one slice.
Winner race(int kernels, double seconds, const std::function<double(int)>& rate);

}  // namespace qwench::cpu
