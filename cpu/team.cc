// Waking, handing out and meeting again. See team.h for the idea.
#include "cpu/team.h"

#include <omp.h>

#include <algorithm>
#include <chrono>
#include <cstdint>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace qwench::cpu {

namespace {

// Longer than the gap between two ops or two tokens: a worker that sleeps there wakes late, often on
// the core of the thread that woke it. Shorter than a user's pause.
constexpr auto kSpinTime = std::chrono::milliseconds(2);
constexpr int kSpinsPerLook = 256;  // at the clock

void pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

/// Error where n threads cannot be had together: OpenMP would end the process.
static void require_threads(int n) {
  std::mutex all_there;
  Threads threads;
  const std::lock_guard<std::mutex> lock(all_there);
  for (int i = 0; i < n; ++i)
    threads.start([&all_there] { const std::lock_guard<std::mutex> wait(all_there); });
}

Team::Team(int threads) : size_(std::max(threads, 1)) {
  scratch_storage_.reset(new char[size_t(scratch_bytes() + 64)]());
  const uintptr_t address = reinterpret_cast<uintptr_t>(scratch_storage_.get());
  scratch_ = scratch_storage_.get() + (64 - address % 64) % 64;
  if (size_ == 1) return;
  require_threads(size_);  // the host and its workers
  std::atomic<int> granted{0};
  host_.start([this, &granted] {
    omp_set_dynamic(0);
#pragma omp parallel num_threads(size_ - 1)
    {
#pragma omp master
      granted.store(omp_get_num_threads());
      worker_loop(1 + omp_get_thread_num());
    }
  });
  while (granted.load() == 0 || started_.load() < granted.load()) std::this_thread::yield();
  size_ = 1 + granted.load();  // OMP_THREAD_LIMIT may grant fewer than asked for
}

Team::~Team() {
  if (host_.empty()) return;
  stop_.store(true);
  gate_.fetch_add(kNextJob | kOpen);
  {
    std::lock_guard<std::mutex> lock(mutex_);
    wake_.notify_all();
  }
  host_.join();
}

void Team::start(Call call, void* body, int64_t n, int64_t grain) {
  call_ = call, body_ = body, n_ = n, grain_ = grain;
  next_.store(0, std::memory_order_relaxed);
  gate_.fetch_add(kNextJob | kOpen, std::memory_order_seq_cst);
  if (sleepers_.load(std::memory_order_seq_cst) > 0) {
    std::lock_guard<std::mutex> lock(mutex_);
    wake_.notify_all();
  }
  work(0);
  gate_.fetch_and(~kOpen, std::memory_order_acq_rel);  // whoever is not inside by now is too late
  for (int spins = 0; gate_.load(std::memory_order_acquire) & kInside; ++spins)
    spins < 64 * kSpinsPerLook ? pause() : std::this_thread::yield();
}

void Team::work(int thread) {
  int64_t begin = next_.load(std::memory_order_relaxed);
  while (begin < n_) {
    const int64_t chunk = std::max(grain_, 3 * (n_ - begin) / (4 * size_));
    const int64_t end = std::min(begin + chunk, n_);
    if (!next_.compare_exchange_weak(begin, end, std::memory_order_relaxed)) continue;
    call_(body_, begin, end, thread);
    begin = next_.load(std::memory_order_relaxed);
  }
}

uint64_t Team::wait_for_job(uint64_t seen) {
  const auto is_new = [seen](uint64_t gate) { return (gate & kOpen) && gate / kNextJob != seen; };
  const auto start = std::chrono::steady_clock::now();
  do {
    for (int spins = 0; spins < kSpinsPerLook; ++spins) {
      const uint64_t gate = gate_.load(std::memory_order_acquire);
      if (is_new(gate)) return gate;
      pause();
    }
  } while (std::chrono::steady_clock::now() - start < kSpinTime);
  std::unique_lock<std::mutex> lock(mutex_);
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  uint64_t gate = 0;
  wake_.wait(lock, [&] { return is_new(gate = gate_.load(std::memory_order_seq_cst)); });
  sleepers_.fetch_sub(1);
  return gate;
}

void Team::worker_loop(int thread) {
  uint64_t seen = 0;
  started_.fetch_add(1);
  for (;;) {
    uint64_t gate = wait_for_job(seen);
    if (stop_.load()) return;
    // Enter only if the very same job is still open; another worker's coming or going is no reason
    // to give up.
    const uint64_t job = gate / kNextJob;
    bool entered = false;
    while (!entered && (gate & kOpen) && gate / kNextJob == job)
      entered = gate_.compare_exchange_weak(gate, gate + 1, std::memory_order_acq_rel);
    seen = job;
    if (!entered) continue;
    work(thread);
    gate_.fetch_sub(1, std::memory_order_release);
  }
}

}  // namespace qwench::cpu
