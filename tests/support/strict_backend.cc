// See strict_backend.h.
#include "tests/support/strict_backend.h"

#include <sys/mman.h>

#include <chrono>
#include <cstring>

#include "engine/base/checked.h"

namespace qwench::test {

namespace {

constexpr int64_t kMemory = int64_t(16) << 30;  // of addresses; what is not touched costs nothing
constexpr int64_t kAlignment = 64;

}  // namespace

StrictBackend::StrictBackend(std::unique_ptr<Backend> inner)
    : Backend(inner->policy()), inner_(std::move(inner)), queued_(*inner_, *this) {
  void* const mapped =
      mmap(nullptr, size_t(kMemory), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  QWENCH_CHECK(mapped != MAP_FAILED);
  memory_ = static_cast<char*>(mapped);
  count_memory(MemoryKind::kScratch, inner_->memory().now[size_t(MemoryKind::kScratch)]);
  set_kernels(queued_.table());
}

StrictBackend::~StrictBackend() { munmap(memory_, size_t(kMemory)); }

void StrictBackend::within(const std::function<void()>& f) {
  struct Open {
    char* memory;
    explicit Open(char* m) : memory(m) {
      QWENCH_CHECK(mprotect(memory, size_t(kMemory), PROT_READ | PROT_WRITE) == 0);
    }
    ~Open() { mprotect(memory, size_t(kMemory), PROT_NONE); }
  };
  const Open open(memory_);
  f();
}

void StrictBackend::in_turn(std::function<void()> f) {
  if (in_step()) return queue_.push_back(std::move(f));
  within(f);
}

void StrictBackend::wait() {
  if (queue_.empty()) return;
  const auto queue = std::exchange(queue_, {});
  within([&] {
    for (const auto& run : queue) run();
  });
}

void StrictBackend::upload(void* device, const void* host, int64_t bytes) {
  if (bytes == 0) return;
  const char* const from = static_cast<const char*>(host);
  in_turn([device, staged = std::vector<char>(from, from + bytes)] {
    std::memcpy(device, staged.data(), staged.size());
  });
}

void StrictBackend::download(void* host, const void* device, int64_t bytes) {
  QWENCH_CHECK(queue_.empty() && "a download before what it reads has run");
  if (bytes) within([&] { std::memcpy(host, device, size_t(bytes)); });
}

void StrictBackend::copy(void* to, const void* from, int64_t bytes) {
  if (bytes) in_turn([=] { std::memmove(to, from, size_t(bytes)); });
}

Weight StrictBackend::allocate_weight(DType dtype, int64_t out, int64_t in, WeightUse use) {
  const Weight layouts = inner_->allocate_weight(dtype, out, in, use);
  Weight weight;
  weight.view = layouts.view;
  if (layouts.view.plain) {
    weight.plain = allocate(layouts.plain.bytes(), MemoryKind::kWeights);
    weight.view.plain = weight.plain.data();
  }
  if (layouts.view.packed) {
    weight.packed = allocate(layouts.packed.bytes(), MemoryKind::kWeights);
    weight.view.packed = weight.packed.data();
  }
  return weight;
}

void StrictBackend::import_rows(Weight& weight, int64_t first, const TensorView& rows) {
  QWENCH_CHECK(queue_.empty() && "an import while ops are queued");
  within([&] { inner_->import_rows(weight, first, rows); });
}

int64_t StrictBackend::count_nonfinite(const TensorView& t) {
  QWENCH_CHECK(queue_.empty() && "numbers are counted before they are there");
  int64_t bad = 0;
  within([&] { bad = inner_->count_nonfinite(t); });
  return bad;
}

void* StrictBackend::allocate_bytes(int64_t bytes) {
  if (bytes > kMemory - used_ - kAlignment) return nullptr;
  void* const data = memory_ + used_;
  used_ += round_up(std::max<int64_t>(bytes, 1), kAlignment);
  return data;
}

/// What was allocated last is used again; all else stays unused.
void StrictBackend::release_bytes(void* data, int64_t bytes) {
  QWENCH_CHECK(queue_.empty() && "memory is given back while ops are queued");
  const int64_t at = static_cast<char*>(data) - memory_;
  if (at + round_up(std::max<int64_t>(bytes, 1), kAlignment) != used_) return;
  used_ = at;
  if (bytes) within([&] { std::memset(data, 0, size_t(bytes)); });
}

Mark StrictBackend::mark() {
  if (read_) times_.clear(), read_ = false;
  times_.push_back(0);
  const Mark mark = Mark(times_.size()) - 1;
  queue_.push_back([this, mark] {
    times_[size_t(mark)] =
        std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds(1);
  });
  return mark;
}

int64_t StrictBackend::time_of(Mark mark) {
  QWENCH_CHECK(times_[size_t(mark)] != 0 && "a mark's time before the device came there");
  read_ = true;
  return times_[size_t(mark)];
}

}  // namespace qwench::test
