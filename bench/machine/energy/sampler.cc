// The source is only ever read by one thread: ours before the other begins and after it has ended.
#include "bench/machine/energy/sampler.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>

#include "bench/support/output.h"
#include "engine/base/threads.h"

namespace qwench::bench {

namespace {

/// Appends one reading, at the middle of the time that it took. False when there is none.
bool append_reading(EnergySource& source, PowerSeries& to) {
  if (!to.problem.empty()) return false;
  const int64_t before = now_ns();
  const EnergyReading reading = source.read();
  to.problem = reading.problem;
  if (!to.problem.empty()) return false;
  to.points.push_back({before + (now_ns() - before) / 2, reading.value});
  return true;
}

class SamplingThread {
 public:
  SamplingThread(EnergySource& source, int64_t interval_ns, PowerSeries& to)
      : source_(source), interval_(interval_ns), to_(to) {
    thread_.start([this] { run(); });
  }
  ~SamplingThread() {
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      stopping_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  SamplingThread(const SamplingThread&) = delete;
  SamplingThread& operator=(const SamplingThread&) = delete;

 private:
  void run() {
    std::unique_lock<std::mutex> lock(mutex_);
    while (!wake_.wait_for(lock, std::chrono::nanoseconds(interval_), [this] { return stopping_; }))
      if (!append_reading(source_, to_)) return;
  }

  EnergySource& source_;
  const int64_t interval_;
  PowerSeries& to_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  Threads thread_;  // last: it uses the members above
};

}  // namespace

SampledWindow sample_while(EnergySource& source, int64_t interval_ns,
                           const std::function<void()>& work) {
  SampledWindow window;
  window.from_ns = now_ns();
  if (source.keeps_log()) {
    work();
    window.to_ns = now_ns();
    window.series = source.log(window.from_ns, window.to_ns);
    return window;
  }
  interval_ns = std::max({interval_ns, source.update_ns(), kLeastSamplingNs});
  window.series.counter = source.counter(), window.series.update_ns = interval_ns;
  append_reading(source, window.series);
  window.from_ns = now_ns();
  {
    const SamplingThread thread(source, interval_ns, window.series);
    work();
    window.to_ns = now_ns();
  }
  append_reading(source, window.series);
  return window;
}

}  // namespace qwench::bench
