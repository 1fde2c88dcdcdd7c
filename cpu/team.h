// The threads of the CPU backend. OpenMP creates them once; between ops they meet at a gate of our
// own: a bounded spin, then sleep, so that a waiting program burns nothing. Work is handed out in
// chunks, and a worker that did not come in time is not waited for: when another process holds its
// core, the others do the work. Which thread takes a chunk never changes results.
#pragma once
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "engine/backend/kernel.h"
#include "engine/base/threads.h"

namespace qwench::cpu {

class Team final : public Stream {
 public:
  /// Per-thread scratch in bytes, 64-byte aligned.
  static constexpr int64_t kScratchBytes = 1 << 20;
  /// Scratch that all threads share, 64-byte aligned.
  static constexpr int64_t kSharedBytes = 2 << 20;

  explicit Team(int threads);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return size_; }

  /// Calls f(begin, end, thread) over [0, n) in chunks of at most `grain`, on all threads. f must
  /// not throw. Returns when all is done.
  template <class F>
  void parallel_for(int64_t n, int64_t grain, F&& f) {
    if (size_ == 1 || n <= grain) {
      if (n > 0) f(int64_t(0), n, 0);
      return;
    }
    using Body = std::remove_reference_t<F>;
    const auto call = [](void* body, int64_t begin, int64_t end, int thread) {
      (*static_cast<Body*>(body))(begin, end, thread);
    };
    start(call, const_cast<void*>(static_cast<const void*>(&f)), n, grain);
  }

  /// Scratch memory of one thread, kScratchBytes long.
  void* scratch(int thread) { return scratch_ + thread * kScratchBytes; }
  /// Scratch memory of all threads, kSharedBytes long: what one parallel_for makes for the next.
  void* shared_scratch() { return scratch_ + size_ * kScratchBytes; }
  int64_t scratch_bytes() const { return size_ * kScratchBytes + kSharedBytes; }

 private:
  using Call = void (*)(void* body, int64_t begin, int64_t end, int thread);

  // gate_ = job number, one bit "open", number of workers inside.
  static constexpr uint64_t kInside = 0xffff, kOpen = 0x10000, kNextJob = 0x20000;

  void start(Call call, void* body, int64_t n, int64_t grain);
  void work(int thread);
  void worker_loop(int thread);
  /// Waits for a job other than `seen` to be open; returns the gate as it was then.
  uint64_t wait_for_job(uint64_t seen);

  int size_ = 1;
  char* scratch_ = nullptr;
  std::unique_ptr<char[]> scratch_storage_;

  Call call_ = nullptr;  // the job; written only while nobody is inside
  void* body_ = nullptr;
  int64_t n_ = 0, grain_ = 1;
  alignas(64) std::atomic<uint64_t> gate_{0};
  alignas(64) std::atomic<int64_t> next_{0};  // first item not yet handed out
  alignas(64) std::atomic<int> sleepers_{0};
  std::atomic<bool> stop_{false};
  std::atomic<int> started_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
  Threads host_;  // one, which enters the OpenMP region whose threads are the workers
};

/// The team behind a kernel's stream.
inline Team& team_of(Stream& stream) { return static_cast<Team&>(stream); }

}  // namespace qwench::cpu
