// The backward pass against the definition of a derivative: how much the loss changes when one
// number does. The loss is computed in double by the same forward, so a small step is exact enough.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "bench/gradients/decoder_block.h"

namespace qwench::bench {

/// n numbers with mean 0 and standard deviation 1 (uniform); the same on every machine.
std::vector<float> seeded_values(int64_t n, uint64_t seed);

/// A random block whose numbers are exact in float, so that both precisions see the same point.
/// loss = sum of output * grad_output.
struct SmallBlock {
  ModelConfig config;
  RopeAngles angles;
  BlockWeights<float> weights;
  std::vector<float> input, grad_output;  // [n_tokens, dim]

  SmallBlock(const ModelConfig& config, int64_t n_tokens, uint64_t seed);
};

/// Grouped heads of odd sizes; "qwen2" (bias), "qwen3" (per-head norm) or both at once.
ModelConfig small_block_config(bool qkv_bias, bool qk_norm);

/// d loss / d p by (loss(p + h) - loss(p - h)) / 2h for every weight and input p, in double.
BlockGradients<double> central_differences(const SmallBlock& block);

struct TensorError {
  std::string_view tensor;
  double error = 0;  // max|got - expected| / max|expected|; NaN when a value is
};
/// Contract: as many values as expected.
template <class T, class Expected>
TensorError tensor_error(std::string_view name, const std::vector<T>& got,
                         const std::vector<Expected>& expected);
/// One for every gradient tensor. Contract: both are of the same config and n_tokens.
template <class T, class Expected>
std::vector<TensorError> gradient_errors(const BlockGradients<T>& got,
                                         const BlockGradients<Expected>& expected);
/// The largest; NaN when one is.
double worst(const std::vector<TensorError>& errors);

/// The worst error of the float backward against central differences, over a Qwen2 and a Qwen3
/// block.
double finite_difference_error(uint64_t seed);

}  // namespace qwench::bench
