// Tensors for op tests: random contents, and NaN on both sides, so that a kernel that reads or
// writes past its end is found out.
#pragma once
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include "engine/base/tensor.h"

namespace qwench::test {

class Poisoned {
 public:
  /// Filled with NaN: an output.
  explicit Poisoned(Shape shape)
      : shape_(shape),
        values_(size_t(shape.count() + 2 * kGuard), std::numeric_limits<float>::quiet_NaN()) {}
  /// Filled with normal numbers of the given standard deviation.
  Poisoned(Shape shape, uint64_t seed, float deviation = 1) : Poisoned(shape) {
    std::mt19937_64 random(seed);
    std::normal_distribution<float> normal(0, deviation);
    for (int64_t i = 0; i < shape.count(); ++i) at(i) = normal(random);
  }

  float& at(int64_t i) { return values_[size_t(kGuard + i)]; }
  float at(int64_t i) const { return values_[size_t(kGuard + i)]; }
  int64_t size() const { return shape_.count(); }
  TensorView view() { return {values_.data() + kGuard, DType::kF32, shape_}; }
  TensorView view_as(Shape shape) { return {values_.data() + kGuard, DType::kF32, shape}; }

  /// True while nobody wrote outside.
  bool guards_intact() const {
    for (int64_t i = 0; i < kGuard; ++i)
      if (!std::isnan(at(-1 - i)) || !std::isnan(at(size() + i))) return false;
    return true;
  }
  bool has_nan() const {
    for (int64_t i = 0; i < size(); ++i)
      if (std::isnan(at(i))) return true;
    return false;
  }

 private:
  static constexpr int64_t kGuard = 64;
  Shape shape_;
  std::vector<float> values_;
};

}  // namespace qwench::test
