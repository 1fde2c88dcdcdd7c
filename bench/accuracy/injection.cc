// Normal numbers by Box-Muller from a hash of where they go.
#include "bench/accuracy/injection.h"

#include <cmath>

#include "engine/base/splitmix64.h"

namespace qwench::bench {

namespace {

/// In (0, 1].
double uniform(uint64_t bits) { return double((bits >> 11) + 1) * 0x1p-53; }

double normal(uint64_t key, int64_t i) {
  const uint64_t at = splitmix64(key + uint64_t(i));
  return std::sqrt(-2 * std::log(uniform(at))) * std::cos(2 * M_PI * uniform(splitmix64(at)));
}

double rms(const float* x, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += double(x[i]) * double(x[i]);
  return std::sqrt(sum / double(n));
}

}  // namespace

LayerHook noise_hook(const Injection& injection, uint64_t seed) {
  return [injection, seed](Backend& backend, const LayerOutput& output) {
    if (output.layer != injection.layer) return;
    const int64_t rows = output.x.rows(), dim = output.x.cols();
    std::vector<float> x(size_t(rows * dim));
    std::vector<int32_t> slots(static_cast<size_t>(rows));
    backend.download(x.data(), output.x.data, output.x.bytes());
    backend.download(slots.data(), output.slots.data, output.slots.bytes());
    for (int64_t t = 0; t < rows; ++t) {
      float* row = x.data() + t * dim;
      const double scale = injection.noise * rms(row, dim);
      const uint64_t key = splitmix64(splitmix64(seed ^ splitmix64(uint64_t(output.layer))) +
                                      uint64_t(slots[size_t(t)]));
      for (int64_t i = 0; i < dim; ++i) row[i] = float(row[i] + scale * normal(key, i));
    }
    backend.upload(output.x.data, x.data(), output.x.bytes());
  };
}

}  // namespace qwench::bench
