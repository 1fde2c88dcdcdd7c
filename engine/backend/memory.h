// Device memory with an owner and a purpose: every byte is counted by kind, now and at its peak.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>
#include <utility>

namespace qwench {

enum class MemoryKind : uint8_t { kWeights, kKvCache, kActivations, kScratch };
constexpr int kMemoryKinds = 4;
constexpr std::array<std::string_view, kMemoryKinds> kMemoryKindNames = {"weights", "kv_cache",
                                                                         "activations", "scratch"};

struct MemoryCounters {
  std::array<int64_t, kMemoryKinds> now{}, peak{};  // bytes

  void add(MemoryKind kind, int64_t bytes) {
    auto& n = now[size_t(kind)];
    n += bytes;
    if (n > peak[size_t(kind)]) peak[size_t(kind)] = n;
  }
};

class Backend;

/// Owns `bytes` bytes of one backend's memory, 64-byte aligned; move-only. The backend must outlive
/// it.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Backend* owner, void* data, int64_t bytes, MemoryKind kind)
      : owner_(owner), data_(data), bytes_(bytes), kind_(kind) {}
  Buffer(Buffer&& o) noexcept { swap(o); }
  Buffer& operator=(Buffer&& o) noexcept {
    Buffer(std::move(o)).swap(*this);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer();

  void* data() const { return data_; }
  int64_t bytes() const { return bytes_; }
  MemoryKind kind() const { return kind_; }

 private:
  void swap(Buffer& o) noexcept {
    std::swap(owner_, o.owner_);
    std::swap(data_, o.data_);
    std::swap(bytes_, o.bytes_);
    std::swap(kind_, o.kind_);
  }
  Backend* owner_ = nullptr;
  void* data_ = nullptr;
  int64_t bytes_ = 0;
  MemoryKind kind_ = MemoryKind::kScratch;
};

}  // namespace qwench
