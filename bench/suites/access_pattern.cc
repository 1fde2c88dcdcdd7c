// What an access costs by its pattern: reading on, in strides, at independent random places, and at a
// place that the access before it names. One thread; plain loops, since no arithmetic is involved.
#include <algorithm>
#include <cstdlib>
#include <random>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "bench/machine/memory_levels.h"
#include "bench/suites/criteria.h"
#include "bench/suites/machine_suites.h"
#include "bench/support/interrupt.h"
#include "bench/support/table.h"
#include "engine/base/host_memory.h"

namespace qwench::bench {

namespace {

constexpr int64_t kLine = 64, kWords = kLine / 8;  // bytes, words of a cache line

/// A buffer of 64-bit words in huge pages where the system gives them.
class Words {
 public:
  explicit Words(int64_t bytes) : count_(bytes / 8) {
    constexpr int64_t kHuge = int64_t(2) << 20;
    const int64_t size = (bytes + kHuge - 1) / kHuge * kHuge;
    data_.reset(static_cast<uint64_t*>(std::aligned_alloc(size_t(kHuge), size_t(size))));
    if (!data_) fail("memory: expected {} to measure with, got none", format_bytes(size));
#if defined(MADV_HUGEPAGE)
    madvise(data_.get(), size_t(size), MADV_HUGEPAGE);  // only advice
#endif
    std::fill_n(data_.get(), size / 8, 1);
  }
  int64_t count() const { return count_; }
  uint64_t* data() { return data_.get(); }

 private:
  struct Freed {
    void operator()(uint64_t* p) const { std::free(p); }
  };
  std::unique_ptr<uint64_t, Freed> data_;
  int64_t count_;
};

/// What was read, where the compiler cannot know that nobody looks.
volatile uint64_t sink;

/// Makes the first word of every line of the first n the index of another, in one circle through all of
/// them in random order (Sattolo 1986).
void make_circle(Words& words, int64_t lines) {
  std::vector<uint32_t> order(size_t(lines), 0);
  for (int64_t i = 0; i < lines; ++i) order[size_t(i)] = uint32_t(i);
  std::mt19937_64 random(1);
  for (int64_t i = lines - 1; i > 0; --i)
    std::swap(order[size_t(i)], order[size_t(random() % uint64_t(i))]);
  for (int64_t i = 0; i < lines; ++i)
    words.data()[i * kWords] = uint64_t(order[size_t(i)]) * uint64_t(kWords);
}

// Each goes on where the call before stopped: from one start again and again, a cache would hold all that
// a run of a few milliseconds comes to.

uint64_t chase(const uint64_t* words, uint64_t& at, int64_t steps) {
  for (int64_t i = 0; i < steps; ++i) at = words[at];
  return at;
}

/// `n` accesses, `step` words apart, around the end of a buffer whose size is a power of two.
uint64_t stride(const uint64_t* words, int64_t mask, int64_t step, int64_t& at, int64_t n) {
  uint64_t sums[8] = {};
  int64_t place = at;
  for (int64_t i = 0; i < n; i += 8)
    for (uint64_t& sum : sums) sum += words[place & mask], place += step;
  at = place & mask;
  for (int i = 1; i < 8; ++i) sums[0] += sums[i];
  return sums[0];
}

/// The same at places that a linear congruential generator names, none of which waits for another.
uint64_t scattered(const uint64_t* words, int64_t mask, uint64_t& state, int64_t n) {
  uint64_t sum = 0, next = state;
  for (int64_t i = 0; i < n; ++i) {
    next = next * 6364136223846793005u + 1442695040888963407u;
    sum += words[int64_t(next >> 24) & mask];
  }
  state = next;
  return sum;
}

/// Nanoseconds of an access, `runs` times, each of as many accesses as take about 2 ms.
template <class Access>
std::vector<double> time_accesses(int64_t runs, const Access& access) {
  constexpr int64_t kEnough = 2'000'000;
  int64_t n = 1024, taken = 0;
  for (; n < int64_t(1) << 34; n *= 2) {
    const int64_t start = now_ns();
    sink = access(n);
    taken = now_ns() - start;
    if (taken >= kEnough) break;
  }
  std::vector<double> ns;
  for (int64_t i = 0; i < runs; ++i) {
    const int64_t start = now_ns();
    sink = access(n);
    ns.push_back(double(now_ns() - start) / double(n));
  }
  return ns;
}

int64_t power_of_two_below(int64_t n) {
  int64_t p = 1;
  while (p * 2 <= n) p *= 2;
  return p;
}

void measure_patterns(SuiteContext& context, SuiteFindings& found, Words& words, int64_t runs) {
  const int64_t mask = power_of_two_below(words.count()) - 1;
  const auto time = [&](const std::string& name, int64_t step) {
    if (interrupted()) return;
    context.progress().show(name);
    int64_t at = 0;
    uint64_t state = 1;
    found.measured(name, "ns", time_accesses(runs, [&](int64_t n) {
                     return step ? stride(words.data(), mask, step, at, n)
                                 : scattered(words.data(), mask, state, n);
                   }));
  };
  time("dram_sequential_access", 1);
  for (int64_t bytes = kLine; bytes <= 4096; bytes *= 2)
    time(fmt::format("dram_stride_{}_access", bytes), bytes / 8);
  time("dram_random_access", 0);
}

}  // namespace

void judge_access_pattern(SuiteFindings& found) {
  const std::optional<double> chased = found.value("dram_latency"),
                              sequential = found.value("dram_sequential_access");
  if (chased && sequential)
    found.measured("sequential_advantage", "ratio", {*chased / *sequential});
  else
    found.missing("sequential_advantage", "ratio", "one of the two was not measured");
  found.at_least("sequential_advantage", ">= 10: reading on is what the weights' layout relies on",
                 10);
  found.at_most("dram_latency", "< 200 ns", 200);
}

SuiteResult access_pattern(SuiteContext& context) {
  SuiteFindings found;
  const int64_t runs = context.options().quick ? 3 : std::max<int64_t>(context.options().runs, 5);
  const int64_t largest = working_set(memory_levels().back(), 1);
  if (2 * largest > available_memory_bytes()) {
    found.missing("dram_latency", "ns",
                  fmt::format("expected {} to measure with, got {} available",
                              format_bytes(2 * largest), format_bytes(available_memory_bytes())));
    judge_access_pattern(found);
    return std::move(found.result);
  }
  Words words(largest);
  OrderedJson& sets = found.result.details["working_set_bytes"] = OrderedJson::object();
  measure_patterns(context, found, words, runs);
  for (const MemoryLevel& level : memory_levels()) {
    if (interrupted()) break;
    const std::string name = level.name + "_latency";
    const int64_t bytes = working_set(level, 1);
    context.progress().show(name);
    make_circle(words, bytes / kLine);
    uint64_t at = 0;
    found.measured(name, "ns",
                   time_accesses(runs, [&](int64_t n) { return chase(words.data(), at, n); }));
    sets[level.name] = bytes;
  }
  judge_access_pattern(found);
  found.result.details["model"] =
      model_in_levels(context.checkpoint(), context.options().model, threads_of(context), 1024);
  found.result.interrupted = interrupted();
  return std::move(found.result);
}

}  // namespace qwench::bench
