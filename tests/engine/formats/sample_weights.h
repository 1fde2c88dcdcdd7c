// Seeded weights for the tests of formats, the same on every platform, and the error of a format.
#pragma once
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "engine/formats/format.h"

namespace qwench::test {

enum class Tails { kGauss, kStudent5 };

class Normal {
 public:
  explicit Normal(uint64_t seed) : bits_(seed) {}
  double operator()() {
    return std::sqrt(-2 * std::log(uniform())) * std::cos(6.283185307179586 * uniform());
  }
  double uniform() { return (double(bits_() >> 11) + 0.5) * 0x1p-53; }
  uint64_t bits() { return bits_(); }

 private:
  std::mt19937_64 bits_;
};

inline std::vector<float> sample_weights(Tails tails, int64_t n, uint64_t seed, double scale = 1) {
  Normal normal(seed);
  std::vector<float> weights(static_cast<size_t>(n));
  for (float& w : weights) {
    double squares = 5;
    if (tails == Tails::kStudent5) {
      squares = 0;
      for (int i = 0; i < 5; ++i) squares += std::pow(normal(), 2);
    }
    w = float(scale * normal() / std::sqrt(squares / 5));
  }
  return weights;
}

/// Log-normal: a few inputs matter much more than the others.
inline std::vector<float> sample_importance(int64_t n, uint64_t seed) {
  Normal normal(seed);
  std::vector<float> importance(static_cast<size_t>(n));
  for (float& value : importance) value = float(std::exp(1.5 * normal()));
  return importance;
}

/// Rows of `cols` weights, encoded and decoded.
inline std::vector<float> round_trip(DType type, const std::vector<float>& weights, int64_t cols,
                                     const float* importance = nullptr) {
  std::vector<char> encoded(size_t(row_bytes(type, cols)));
  std::vector<float> decoded(weights.size());
  for (size_t first = 0; first < weights.size(); first += size_t(cols)) {
    encode_row(type, &weights[first], cols, importance, encoded.data());
    decode_row(type, encoded.data(), cols, &decoded[first]);
  }
  return decoded;
}

/// Root of the (weighted) squared error over the (weighted) energy, in percent. importance: null, or
/// that of each of `cols` columns.
inline double error_percent(const std::vector<float>& expected, const std::vector<float>& got,
                            int64_t cols = 1, const float* importance = nullptr) {
  double error = 0, energy = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    const double weight = importance ? double(importance[i % size_t(cols)]) : 1;
    error += weight * std::pow(double(expected[i]) - double(got[i]), 2);
    energy += weight * std::pow(double(expected[i]), 2);
  }
  return 100 * std::sqrt(error / energy);
}

}  // namespace qwench::test
