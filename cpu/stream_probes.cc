// Every thread's arrays lie in one region of its own, shifted against each other by some lines: at equal
// offsets within a page a load waits for the store before it.
#include "cpu/stream_probes.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "cpu/cpu_info.h"
#include "cpu/probe_race.h"
#include "cpu/stream_kernels.h"
#include "engine/base/check.h"
#include "engine/base/host_memory.h"

namespace qwench::cpu {

namespace {

void write_scalar(float* to, const float*, const float*, int64_t n) { std::fill_n(to, n, 1.0f); }
void copy_scalar(float* to, const float* from, const float*, int64_t n) {
  std::memcpy(to, from, static_cast<size_t>(n) * sizeof(float));
}
void triad_scalar(float* __restrict to, const float* __restrict from, const float* __restrict other,
                  int64_t n) {
  for (int64_t i = 0; i < n; ++i) to[i] = from[i] + kTriadFactor * other[i];
}

constexpr StreamKernel kWrite[] = {{"scalar", write_scalar}};
constexpr StreamKernel kCopy[] = {{"memcpy", copy_scalar}};
constexpr StreamKernel kTriad[] = {{"scalar", triad_scalar}};

constexpr int64_t kShift = 17 * 64, kMiB = int64_t{1} << 20;
constexpr double kSlice = 5e-4;  // seconds that a timed pass takes at least

struct Freed {
  void operator()(uint8_t* p) const { std::free(p); }
};

int64_t arrays_of(StreamOp op) {
  return op == StreamOp::kTriad ? 3 : op == StreamOp::kCopy ? 2 : 1;
}

const KernelSpan<StreamKernel>& kernels_of(const StreamKernels& kernels, StreamOp op) {
  return op == StreamOp::kWrite  ? kernels.write
         : op == StreamOp::kCopy ? kernels.copy
                                 : kernels.triad;
}

}  // namespace

StreamKernels stream_kernels_scalar() { return {{kWrite, 1}, {kCopy, 1}, {kTriad, 1}}; }

StreamKernels stream_kernels() {
#if defined(__x86_64__)
  if (cpu_info().avx2) return stream_kernels_avx2();
#endif
  return stream_kernels_scalar();
}

namespace {

class CpuStreamProbe final : public StreamProbe {
 public:
  CpuStreamProbe(int threads, int64_t largest)
      : team_(threads), sums_(static_cast<size_t>(threads)) {
    region_ = (largest + 4 * kShift + 2 * kMiB) / (2 * kMiB) * (2 * kMiB);
    const int64_t bytes = region_ * threads;
    if (bytes > available_memory_bytes() / 2)
      fail("memory: expected {} bytes to measure with, got {} available", 2 * bytes,
           available_memory_bytes());
    data_.reset(static_cast<uint8_t*>(
        std::aligned_alloc(static_cast<size_t>(2 * kMiB), static_cast<size_t>(bytes))));
    if (!data_) fail("memory: expected {} bytes to measure with, got none", bytes);
#if defined(MADV_HUGEPAGE)
    madvise(data_.get(), static_cast<size_t>(bytes), MADV_HUGEPAGE);  // only advice
#endif
    team_.run([&](int t) { std::memset(of(t), 0, static_cast<size_t>(region_)); });
  }

  StreamRate measure(StreamOp op, int64_t working_set, int runs, double seconds) override;

 private:
  uint8_t* of(int thread) { return data_.get() + region_ * thread; }

  /// One kernel, `passes` times over n floats of every array of a thread.
  void work(StreamOp op, int kernel, int64_t n, int64_t passes, int thread) {
    uint8_t* const first = of(thread);
    const auto array = [&](int64_t i) {
      return reinterpret_cast<float*>(first + i * (n * 4 + kShift));
    };
    if (op == StreamOp::kRead) {
      uint64_t sum = 0;
      for (int64_t i = 0; i < passes; ++i) sum += read_kernels().first[kernel].read(first, n * 4);
      sums_[static_cast<size_t>(thread)] = sum;
      return;
    }
    const StreamKernel& k = kernels_of(stream_kernels(), op).first[kernel];
    for (int64_t i = 0; i < passes; ++i) k.run(array(0), array(1), array(2), n);
  }

  ProbeTeam team_;
  int64_t region_ = 0;  // bytes of one thread
  std::unique_ptr<uint8_t, Freed> data_;
  std::vector<uint64_t> sums_;  // of reads, so that none can be left out
};

StreamRate CpuStreamProbe::measure(StreamOp op, int64_t working_set, int runs, double seconds) {
  constexpr int64_t kUnit = kReadUnit / 4;  // floats
  const int64_t arrays = arrays_of(op);
  const int64_t n = working_set / 4 / arrays / kUnit * kUnit;
  QWENCH_CHECK(n > 0 && arrays * (n * 4 + kShift) <= region_);
  const int count =
      op == StreamOp::kRead ? read_kernels().count : kernels_of(stream_kernels(), op).count;
  int64_t passes = 1;
  const auto taken = [&](int k) { return team_.run([&](int t) { work(op, k, n, passes, t); }); };
  while (passes < int64_t{1} << 30 && taken(0) < kSlice) passes *= 2;
  const auto rate = [&](int k) {
    return static_cast<double>(arrays * n * 4 * passes) * team_.threads() / taken(k);
  };
  const Winner winner = race(count, seconds, rate);
  StreamRate result;
  result.kernel = op == StreamOp::kRead ? read_kernels().first[winner.index].name
                                        : kernels_of(stream_kernels(), op).first[winner.index].name;
  for (int i = 0; i < runs; ++i) result.bytes_per_second.push_back(rate(winner.index));
  return result;
}

}  // namespace

std::unique_ptr<StreamProbe> make_stream_probe(int threads, int64_t largest) {
  return std::make_unique<CpuStreamProbe>(threads, largest);
}

}  // namespace qwench::cpu
