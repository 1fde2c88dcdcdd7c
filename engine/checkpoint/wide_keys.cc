// Reads the biases of the keys, which are small.
#include "engine/checkpoint/wide_keys.h"

#include <cmath>

namespace qwench {

std::vector<int64_t> wide_key_layers(const Checkpoint& checkpoint) {
  constexpr double kMostNorm = 100;
  std::vector<int64_t> layers;
  for (int64_t layer = 0; layer < checkpoint.config().n_layers; ++layer) {
    const TensorInfo* bias =
        checkpoint.find(fmt::format("model.layers.{}.self_attn.k_proj.bias", layer));
    if (!bias || is_quantized(bias->dtype)) continue;
    const int64_t n = bias->shape.count();
    std::vector<char> stored(size_t(n * size_of(bias->dtype)));
    std::vector<float> values(static_cast<size_t>(n));
    checkpoint.read(*bias, 0, n, stored.data());
    convert(stored.data(), bias->dtype, values.data(), DType::kF32, n);
    double squares = 0;
    for (const float value : values) squares += double(value) * double(value);
    if (!(std::sqrt(squares) <= kMostNorm)) layers.push_back(layer);
  }
  return layers;
}

}  // namespace qwench
