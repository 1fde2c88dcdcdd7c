// Example tensors in a backend's memory, filled with random numbers that depend only on the order
// in which they are asked for: two of these give two backends the same inputs. Around every tensor lies a
// pattern that shows who wrote past an end.
#pragma once
#include <cstdint>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/ops/example.h"

namespace qwench::bench {

class BackendMemory : public ExampleAllocator {
 public:
  /// The backend must outlive it.
  BackendMemory(Backend& backend, uint64_t seed) : backend_(backend), state_(seed) {}

  TensorView values(Shape shape) override;
  TensorView ties(Shape shape) override;
  TensorView room(Shape shape, DType dtype) override;
  TensorView sequence(int64_t n, int64_t start, int64_t step, int64_t limit) override;
  WeightView weight(int64_t out, int64_t in, DType dtype, WeightUse use) override;
  TensorView stored(Shape shape, DType dtype) override;

  /// False when something was written outside the tensors (weights apart).
  bool guards_intact() const;

 private:
  /// n numbers in [-scale, scale) as `dtype`, in host memory.
  std::vector<char> random(int64_t n, float scale, DType dtype);
  /// Rows of random blocks of a quantised type, whose values reach about `scale`.
  std::vector<char> random_blocks(int64_t out, int64_t in, float scale, DType dtype);
  /// `host` between two guards.
  void* store(const void* host, int64_t bytes);

  Backend& backend_;
  uint64_t state_;
  std::vector<Buffer> buffers_;
  std::vector<Weight> weights_;
};

/// The elements of a tensor as floats on the host.
std::vector<float> to_host(Backend& backend, const TensorView& tensor);

}  // namespace qwench::bench
