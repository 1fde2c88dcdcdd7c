// What is raced: arithmetic in registers beside the clock it runs at, and reads from main memory.
#include "cpu/probes.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "cpu/cpu_info.h"
#include "cpu/probe_kernels.h"
#include "cpu/probe_race.h"
#include "cpu/stream_probes.h"
#include "cpu/team_probe.h"
#include "engine/base/check.h"
#include "engine/base/host_memory.h"

namespace qwench::cpu {
namespace {

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
    const double start = seconds_now();
    sink = kernel.run(iterations);
    const double taken = seconds_now() - start;
    if (taken >= seconds / 8)
      return std::max<int64_t>(1, static_cast<int64_t>(double(iterations) * seconds / taken));
  }
  (void)sink;
  return iterations;
}

/// Operations a second of all threads together.
double slice_rate(ProbeTeam& team, const ComputeKernel& kernel, int64_t iterations) {
  std::vector<double> results(static_cast<size_t>(team.threads()));
  const double seconds =
      team.run([&](int t) { results[static_cast<size_t>(t)] = kernel.run(iterations); });
  for (double r : results) QWENCH_CHECK(r == results[0]);
  return kernel.op_per_iteration * static_cast<double>(iterations) * team.threads() / seconds;
}

/// Cycles a second of the caller's core, while the workers keep the others awake. Too short a slice
/// to be interrupted often, so that a busy machine shows as a probe below its limit.
double clock_now(int64_t iterations) {
  volatile double sink = 0;
  const double start = seconds_now();
  sink = clock_chain(iterations);
  (void)sink;
  return kClock.op_per_iteration * static_cast<double>(iterations) / (seconds_now() - start);
}

/// An interrupt or a neighbour only lengthens a slice: the clock is where nearly the best are.
constexpr double kUndisturbed = 0.9;

/// Races the kernels; after each slice one of the clock, whose samples join `clocks`.
Probe probe_compute(const char* name, KernelSpan<ComputeKernel> kernels, ProbeTeam& team,
                    double seconds, std::vector<double>* clocks) {
  Probe probe;
  if (kernels.count == 0) return probe;
  constexpr double kSlice = 1e-3;
  std::vector<int64_t> iterations;
  for (const ComputeKernel& k : kernels) iterations.push_back(calibrate(k, kSlice));
  const int64_t clock_iterations = calibrate(kClock, kSlice / 4);
  std::vector<double> own_clocks;
  const Winner winner = race(kernels.count, seconds, [&](int k) {
    const double rate = slice_rate(team, kernels.first[k], iterations[static_cast<size_t>(k)]);
    own_clocks.push_back(clock_now(clock_iterations));
    return rate;
  });
  const ComputeKernel& best = kernels.first[winner.index];
  probe = {name, best.name, winner.per_second, 0, "op/s", team.threads()};
  const double clock = quantile(own_clocks, kUndisturbed);
  const int cores = std::min(team.threads(), cpu_info().physical_cores);
  // No cpuid bit tells a core whose multipliers are 512 bits wide: it beats the narrow rate, in the
  // race or, where the cores were shared then, alone in calibration.
  const double alone = best.op_per_iteration *
                       static_cast<double>(iterations[static_cast<size_t>(winner.index)]) / kSlice;
  const double fastest = std::max(alone, probe.per_second / cores);
  const double per_cycle = best.op_per_cycle * (fastest > 1.2 * best.op_per_cycle * clock ? 2 : 1);
  probe.limit = per_cycle * clock * cores;
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

ReadBuffer make_buffer(ProbeTeam& team) {
  const int64_t parts = int64_t{4} * team.threads();
  const int64_t wanted = std::max<int64_t>(512 * kMiB, 8 * cpu_info().l3_bytes);
  const int64_t bytes = std::min(wanted, available_memory_bytes() / 2);
  // A whole number of huge pages, and every thread's quarter a whole number of kReadUnit.
  const int64_t unit = 2 * kMiB * parts;
  ReadBuffer buffer;
  buffer.bytes = bytes / unit * unit;
  const int64_t least = std::max<int64_t>(64 * kMiB, 4 * cpu_info().l3_bytes);
  if (buffer.bytes < least) return ReadBuffer{};  // would measure the cache
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
Probe probe_read(ProbeTeam& team, const ReadBuffer& buffer, double seconds) {
  Probe probe = {"dram_read", "none: too little memory", 0, 0, "B/s", team.threads()};
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
  if (cpu_info().avx512) return fp32_kernels_avx512();
  return has_avx2() ? fp32_kernels_avx2() : fp32_kernels_scalar();
}
KernelSpan<ComputeKernel> int8_kernels() {
  return has_avx2() ? int8_kernels_avx2() : int8_kernels_scalar();
}
KernelSpan<ComputeKernel> bf16_kernels() {
  return cpu_info().avx512_bf16 ? bf16_kernels_avx512bf16() : KernelSpan<ComputeKernel>{};
}
KernelSpan<ComputeKernel> int8_vnni_kernels() {
  if (cpu_info().avx512_vnni) return int8_kernels_avx512vnni();
  return cpu_info().avx_vnni ? int8_kernels_avxvnni() : KernelSpan<ComputeKernel>{};
}
#else
KernelSpan<ReadKernel> read_kernels() { return read_kernels_scalar(); }
KernelSpan<ComputeKernel> fp32_kernels() { return fp32_kernels_scalar(); }
KernelSpan<ComputeKernel> int8_kernels() { return int8_kernels_scalar(); }
KernelSpan<ComputeKernel> bf16_kernels() { return {}; }
KernelSpan<ComputeKernel> int8_vnni_kernels() { return {}; }
#endif

namespace {

/// What arithmetic and reads are measured with is made when it is first asked for, and kept.
class CpuProbes final : public Probes {
 public:
  explicit CpuProbes(int threads) : threads_(threads) { QWENCH_CHECK(threads >= 1); }

  Ceilings ceilings(double seconds) override {
    ProbeTeam& threads = team();
    Ceilings c;
    std::vector<double> clocks;
    const char* int8_name = has_avx2() ? "int8_maddubs" : "int8_scalar";
    c.fp32_fma = probe_compute("fp32_fma", fp32_kernels(), threads, 0.2 * seconds, &clocks);
    c.bf16 = probe_compute("bf16_dot", bf16_kernels(), threads, 0.1 * seconds, &clocks);
    c.int8 = probe_compute(int8_name, int8_kernels(), threads, 0.1 * seconds, &clocks);
    c.int8_dot = probe_compute("int8_vnni", int8_vnni_kernels(), threads, 0.1 * seconds, &clocks);
    c.clock_hz = quantile(clocks, kUndisturbed);
    c.dram_read = read(0.5 * seconds);
    return c;
  }
  Probe read(double seconds) override { return probe_read(team(), buffer(), seconds); }
  std::unique_ptr<StreamProbe> streams(int64_t largest) override {
    return make_stream_probe(threads_, largest);
  }
  StartLatency start_latency(int runs) override { return measure_start_latency(threads_, runs); }

 private:
  ProbeTeam& team() {
    if (!team_) team_.emplace(threads_);
    return *team_;
  }
  const ReadBuffer& buffer() {
    if (!buffer_) buffer_.emplace(make_buffer(team()));
    return *buffer_;
  }

  int threads_;
  std::optional<ProbeTeam> team_;
  std::optional<ReadBuffer> buffer_;
};

}  // namespace

std::unique_ptr<Probes> make_probes(int threads) { return std::make_unique<CpuProbes>(threads); }

}  // namespace qwench::cpu
