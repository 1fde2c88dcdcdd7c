// One decoder layer's output and gradients as other software computed them, in a safetensors file:
// `input`, `output`, `grad_output`, `grad_input` [n_tokens, dim], `weight.<name>` and `grad.<name>`
// with the names of a checkpoint; sizes as text in the file's metadata (hidden_size, heads,
// kv_heads, head_dim, intermediate_size, tokens, rms_norm_eps, rope_theta).
#pragma once
#include <string>
#include <vector>

#include "bench/gradients/finite_differences.h"

namespace qwench::bench {

struct GoldenLayer {
  ModelConfig config;
  int64_t n_tokens = 0;
  BlockWeights<float> weights;
  std::vector<float> input, grad_output;  // [n_tokens, dim]
  std::vector<float> output;              // expected, [n_tokens, dim]
  BlockGradients<float> gradients;        // expected
};

/// Error naming the size or tensor that is missing or contradicts the others. Bias and per-head
/// norm are taken to be there when their weights are.
GoldenLayer read_golden_layer(const std::string& path);

/// "output", then every gradient: ours against the file's.
std::vector<TensorError> golden_errors(const GoldenLayer& layer);

}  // namespace qwench::bench
