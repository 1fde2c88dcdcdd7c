// Races the probe kernels against each other, round-robin in short slices, so that a neighbour or a
// moving clock hits all of them alike; a kernel's figure is the median of its slices.
#include "cpu/probes.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <system_error>
#include <thread>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "cpu/cpu_info.h"
#include "cpu/probe_kernels.h"
#include "engine/check.h"

namespace qwench::cpu {
namespace {

double now() {
  using Seconds = std::chrono::duration<double>;
  return Seconds(std::chrono::steady_clock::now().time_since_epoch()).count();
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const size_t half = values.size() / 2;
  std::sort(values.begin(), values.end());
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

/// The caller and threads - 1 workers, which wait awake between slices: a sleeping one would start
/// late and on a slow clock. Not the backend's pool, whose placement the probe must not inherit.
class Team {
 public:
  explicit Team(int threads) : threads_(threads), spans_(static_cast<size_t>(threads)) {
    try {
      for (int t = 1; t < threads; ++t) workers_.emplace_back([this, t] { serve(t); });
    } catch (const std::system_error& e) {
      stop();
      fail("probe: expected {} threads, got {} ({})", threads, workers_.size() + 1, e.what());
    }
  }
  ~Team() { stop(); }
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;
  int threads() const { return threads_; }

  /// Runs work(thread) on all at once; seconds from the first start to the last end.
  double run(const std::function<void(int)>& work) {
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

 private:
  struct alignas(64) Span {
    double start = 0, end = 0;
  };

  template <class Condition>
  static void wait(Condition met) {
    for (int spins = 0; !met(); ++spins)
      if (spins > 2000) std::this_thread::yield();  // more threads than cores: let them run
  }

  void part(int thread) {
    Span& span = spans_[static_cast<size_t>(thread)];
    ready_.fetch_add(1);
    wait([this] { return ready_.load() == threads_; });
    span.start = now();
    (*work_)(thread);
    span.end = now();
    done_.fetch_add(1);
  }

  void serve(int thread) {
    for (int64_t seen = 0;; ++seen) {
      wait([&] { return slice_.load() != seen || stop_.load(); });
      if (stop_.load()) return;
      part(thread);
    }
  }

  void stop() {
    stop_.store(true);
    for (std::thread& worker : workers_) worker.join();
  }

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
  double per_second = 0;
};

/// Slices of all kernels in turn until the time is over (but three rounds at least), after a first
/// round that only warms up; then those whose best is 15 % behind sit out. rate(k): one slice.
Winner race(int kernels, double seconds, const std::function<double(int)>& rate) {
  std::vector<std::vector<double>> samples(static_cast<size_t>(kernels));
  std::vector<double> best(static_cast<size_t>(kernels), 0.0);
  const double end = now() + seconds;
  for (int round = 0; round < 4 || now() < end; ++round) {
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
    const double middle = median(samples[static_cast<size_t>(k)]);
    if (middle > winner.per_second) winner = {k, middle};
  }
  return winner;
}

// ---- Arithmetic

/// Dependent adds of two registers: one a cycle on every core (an immediate may be folded away).
double clock_chain(int64_t iterations) {
  uint64_t x = 1;
  const uint64_t step = static_cast<uint64_t>(iterations) | 1;
  for (int64_t i = 0; i < iterations; ++i) {
#if defined(__x86_64__)
    __asm__ volatile(".rept 64\n\tadd %1, %0\n\t.endr" : "+r"(x) : "r"(step) : "cc");
#elif defined(__aarch64__)
    __asm__ volatile(".rept 64\n\tadd %0, %0, %1\n\t.endr" : "+r"(x) : "r"(step));
#else
    for (int k = 0; k < 64; ++k) {
      x += step;
      __asm__ volatile("" : "+r"(x));
    }
#endif
  }
  return static_cast<double>(x);
}
constexpr ComputeKernel kClock = {"add_chain", 64, 1, clock_chain};

/// Iterations that take about `seconds` on one thread.
int64_t calibrate(const ComputeKernel& kernel, double seconds) {
  volatile double sink = 0;
  int64_t iterations = 64;
  for (; iterations < (int64_t{1} << 40); iterations *= 4) {
    const double start = now();
    sink = kernel.run(iterations);
    const double taken = now() - start;
    if (taken >= seconds / 8)
      return std::max<int64_t>(1, static_cast<int64_t>(double(iterations) * seconds / taken));
  }
  (void)sink;
  return iterations;
}

/// Operations a second of all threads together.
double slice_rate(Team& team, const ComputeKernel& kernel, int64_t iterations) {
  std::vector<double> results(static_cast<size_t>(team.threads()));
  const double seconds =
      team.run([&](int t) { results[static_cast<size_t>(t)] = kernel.run(iterations); });
  for (double r : results) QWENCH_CHECK(r == results[0]);
  return kernel.op_per_iteration * static_cast<double>(iterations) * team.threads() / seconds;
}

/// Races the kernels; after each slice one of the clock, whose samples join `clocks`.
Probe probe_compute(const char* name, KernelSpan<ComputeKernel> kernels, Team& team, double seconds,
                    std::vector<double>* clocks) {
  Probe probe;
  if (kernels.count == 0) return probe;
  constexpr double kSlice = 1e-3;
  std::vector<int64_t> iterations;
  for (const ComputeKernel& k : kernels) iterations.push_back(calibrate(k, kSlice));
  const int64_t clock_iterations = calibrate(kClock, kSlice / 4);
  std::vector<double> own_clocks;
  const Winner winner = race(kernels.count, seconds, [&](int k) {
    const double rate = slice_rate(team, kernels.first[k], iterations[static_cast<size_t>(k)]);
    own_clocks.push_back(slice_rate(team, kClock, clock_iterations) / team.threads());
    return rate;
  });
  const ComputeKernel& best = kernels.first[winner.index];
  probe = {name, best.name, winner.per_second, 0, "op/s", team.threads()};
  const int cores = std::min(team.threads(), cpu_info().physical_cores);
  probe.limit = best.op_per_cycle * median(own_clocks) * cores;
  // No cpuid bit tells a core whose multipliers are 512 bits wide: it beats the narrow one's limit.
  if (probe.limit > 0 && probe.per_second > 1.1 * probe.limit) probe.limit *= 2;
  clocks->insert(clocks->end(), own_clocks.begin(), own_clocks.end());
  return probe;
}

// ---- Memory

struct Freed {
  void operator()(uint8_t* p) const { std::free(p); }
};

/// Far larger than the last-level cache, in huge pages where the system gives them; empty where no
/// memory is to spare. Word i of it is i * kFactor, so that any part's sum is known.
struct ReadBuffer {
  static constexpr uint64_t kFactor = 0x9e3779b97f4a7c15u;
  std::unique_ptr<uint8_t, Freed> data;
  int64_t bytes = 0;

  /// Sum of words [begin, end), modulo 2^64.
  static uint64_t sum(uint64_t begin, uint64_t end) {
    const auto below = [](uint64_t n) { return n % 2 == 0 ? n / 2 * (n - 1) : (n - 1) / 2 * n; };
    return kFactor * (below(end) - below(begin));
  }
};

constexpr int64_t kMiB = int64_t{1} << 20;

ReadBuffer make_buffer(Team& team) {
  const int64_t parts = int64_t{4} * team.threads();
  const int64_t wanted = std::max<int64_t>(512 * kMiB, 8 * cpu_info().l3_bytes);
  const int64_t bytes = std::min(wanted, available_memory_bytes() / 2);
  // A whole number of huge pages, and every thread's quarter a whole number of kReadUnit.
  const int64_t unit = 2 * kMiB * parts;
  ReadBuffer buffer;
  buffer.bytes = bytes / unit * unit;
  if (buffer.bytes == 0) return buffer;
  const size_t size = static_cast<size_t>(buffer.bytes);
  buffer.data.reset(static_cast<uint8_t*>(std::aligned_alloc(2 * kMiB, size)));
  if (!buffer.data) return ReadBuffer{};
#if defined(MADV_HUGEPAGE)
  madvise(buffer.data.get(), size, MADV_HUGEPAGE);  // only advice: small pages read slower
#endif
  team.run([&](int t) {
    uint64_t* words = reinterpret_cast<uint64_t*>(buffer.data.get());
    const uint64_t share = static_cast<uint64_t>(buffer.bytes / 8 / team.threads());
    const uint64_t begin = share * static_cast<uint64_t>(t);
    for (uint64_t i = begin; i < begin + share; ++i) words[i] = i * ReadBuffer::kFactor;
  });
  return buffer;
}

/// One slice reads a quarter of the buffer, the next one the next quarter, each thread its part:
/// three quarters have passed through the caches before any byte is read again.
Probe probe_read(Team& team, double seconds) {
  Probe probe = {"dram_read", "none: too little memory", 0, 0, "B/s", team.threads()};
  const ReadBuffer buffer = make_buffer(team);
  if (buffer.bytes == 0) return probe;
  const KernelSpan<ReadKernel> kernels = read_kernels();
  const int64_t quarter = buffer.bytes / 4, part = quarter / team.threads();
  std::vector<uint64_t> sums(static_cast<size_t>(team.threads()));
  int64_t slice = 0;
  const Winner winner = race(kernels.count, seconds, [&](int k) {
    const int64_t begin = slice++ % 4 * quarter;
    const double taken = team.run([&](int t) {
      sums[static_cast<size_t>(t)] =
          kernels.first[k].read(buffer.data.get() + begin + t * part, part);
    });
    uint64_t sum = 0;
    for (uint64_t s : sums) sum += s;
    QWENCH_CHECK(sum == ReadBuffer::sum(static_cast<uint64_t>(begin / 8),
                                        static_cast<uint64_t>((begin + quarter) / 8)));
    return static_cast<double>(quarter) / taken;
  });
  probe.kernel = kernels.first[winner.index].name;
  probe.per_second = winner.per_second;
  return probe;
}

bool has_avx2() { return cpu_info().avx2; }

}  // namespace

#if defined(__x86_64__)
KernelSpan<ReadKernel> read_kernels() {
  return has_avx2() ? read_kernels_avx2() : read_kernels_scalar();
}
KernelSpan<ComputeKernel> fp32_kernels() {
  return has_avx2() ? fp32_kernels_avx2() : fp32_kernels_scalar();
}
KernelSpan<ComputeKernel> int8_kernels() {
  return has_avx2() ? int8_kernels_avx2() : int8_kernels_scalar();
}
KernelSpan<ComputeKernel> int8_vnni_kernels() {
  if (cpu_info().avx512_vnni) return int8_kernels_avx512vnni();
  return cpu_info().avx_vnni ? int8_kernels_avxvnni() : KernelSpan<ComputeKernel>{};
}
#else
KernelSpan<ReadKernel> read_kernels() { return read_kernels_scalar(); }
KernelSpan<ComputeKernel> fp32_kernels() { return fp32_kernels_scalar(); }
KernelSpan<ComputeKernel> int8_kernels() { return int8_kernels_scalar(); }
KernelSpan<ComputeKernel> int8_vnni_kernels() { return {}; }
#endif

Roofline measure_roofline(int threads, double seconds) {
  QWENCH_CHECK(threads >= 1);
  Team team(threads);
  Roofline roofline;
  std::vector<double> clocks;
  const char* int8_name = has_avx2() ? "int8_maddubs" : "int8_scalar";
  roofline.fp32_fma = probe_compute("fp32_fma", fp32_kernels(), team, 0.2 * seconds, &clocks);
  roofline.int8 = probe_compute(int8_name, int8_kernels(), team, 0.15 * seconds, &clocks);
  roofline.int8_vnni =
      probe_compute("int8_vnni", int8_vnni_kernels(), team, 0.15 * seconds, &clocks);
  roofline.clock_hz = median(clocks);
  roofline.dram_read = probe_read(team, 0.5 * seconds);
  return roofline;
}

}  // namespace qwench::cpu
