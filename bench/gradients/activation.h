// Memory that the decoder block takes while it runs, counted by its own allocations: what is kept
// from the forward to the backward pass, and the most that was held at one time.
#pragma once
#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>

namespace qwench::bench {

/// Bytes of all living Activations. Weights, their gradients, the block's input and its output
/// belong to the caller and are not counted: they are the same with and without recomputation.
struct ActivationMemory {
  int64_t now = 0, peak = 0;

  void add(int64_t bytes) {
    now += bytes;
    peak = std::max(peak, now);
  }
};

/// n elements that start as zero and are counted in `memory` (which outlives them) until they go.
template <class T>
class Activation {
 public:
  Activation() = default;
  Activation(ActivationMemory& memory, int64_t n)
      : values_(new T[size_t(n)]()), n_(n), memory_(&memory) {
    memory.add(bytes());
  }
  /// A copy of n values.
  Activation(ActivationMemory& memory, int64_t n, const T* from) : Activation(memory, n) {
    std::copy(from, from + n, data());
  }
  Activation(Activation&& o) noexcept { *this = std::move(o); }
  Activation& operator=(Activation&& o) noexcept {
    std::swap(values_, o.values_);
    std::swap(n_, o.n_);
    std::swap(memory_, o.memory_);
    return *this;
  }
  ~Activation() {
    if (memory_) memory_->add(-bytes());
  }

  /// Null when nothing is held.
  T* data() { return values_.get(); }
  const T* data() const { return values_.get(); }
  int64_t bytes() const { return n_ * int64_t(sizeof(T)); }

 private:
  std::unique_ptr<T[]> values_;
  int64_t n_ = 0;
  ActivationMemory* memory_ = nullptr;
};

}  // namespace qwench::bench
