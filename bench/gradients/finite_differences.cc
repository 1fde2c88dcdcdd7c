// Central differences have an error of order h^2 from the loss's third derivative and eps / h from
// rounding; in double with h = 1e-5 both are near 1e-10, far below the float backward's own error.
#include "bench/gradients/finite_differences.h"

#include <cmath>
#include <random>

namespace qwench::bench {

namespace {

constexpr double kStep = 1e-5;

template <class To, class From>
std::vector<To> cast(const std::vector<From>& values) {
  return std::vector<To>(values.begin(), values.end());
}

double loss_of(const BlockArgs<double>& args, const std::vector<double>& x,
               const std::vector<double>& grad_output) {
  std::vector<double> output(x.size());
  ActivationMemory memory;
  block_forward(args, x.data(), true, output.data(), memory);
  double loss = 0;
  for (size_t i = 0; i < output.size(); ++i) loss += output[i] * grad_output[i];
  return loss;
}

}  // namespace

std::vector<float> seeded_values(int64_t n, uint64_t seed) {
  std::mt19937_64 random(seed);  // its numbers are fixed by the standard; distributions are not
  std::vector<float> values(static_cast<size_t>(n));
  for (float& v : values) v = 1.7320508f * (float(random() >> 40) * 0x1p-23f - 1);
  return values;
}

ModelConfig small_block_config(bool qkv_bias, bool qk_norm) {
  ModelConfig c;
  c.dim = 10, c.n_heads = 4, c.n_kv_heads = 2, c.head_dim = 6, c.ffn_dim = 13, c.n_layers = 1;
  c.norm_eps = 1e-6;
  c.qkv_bias = qkv_bias, c.qk_norm = qk_norm;
  c.rope.theta = 100;  // low, so that every pair turns by a visible angle within a few tokens
  return c;
}

SmallBlock::SmallBlock(const ModelConfig& c, int64_t n_tokens, uint64_t seed)
    : config(c),
      angles(c, n_tokens),
      weights(c),
      input(seeded_values(n_tokens * c.dim, seed)),
      grad_output(seeded_values(n_tokens * c.dim, seed + 1)) {
  for (size_t i = 0; i < kRoles; ++i) {
    const Shape shape = shape_of(Role(i), config);
    if (!shape.rank) continue;
    const bool is_norm = shape.rank == 1 && name_of(Role(i)).find("norm") != std::string_view::npos;
    const float scale = shape.rank == 2 ? 1 / std::sqrt(float(shape[1])) : 0.3f;
    weights.values[i] = seeded_values(shape.count(), seed + 2 + i);
    for (float& v : weights.values[i]) v = v * scale + (is_norm ? 1.0f : 0.0f);
  }
}

BlockGradients<double> central_differences(const SmallBlock& block) {
  BlockWeights<double> weights(block.config);
  for (size_t i = 0; i < kRoles; ++i) weights.values[i] = cast<double>(block.weights.values[i]);
  std::vector<double> x = cast<double>(block.input);
  const std::vector<double> grad_output = cast<double>(block.grad_output);
  const BlockArgs<double> args{block.config, weights, block.angles};
  const auto differences = [&](std::vector<double>& of, std::vector<double>& to) {
    for (size_t i = 0; i < of.size(); ++i) {
      const double value = of[i];
      of[i] = value + kStep;
      const double above = loss_of(args, x, grad_output);
      of[i] = value - kStep;
      const double below = loss_of(args, x, grad_output);
      of[i] = value;
      to[i] = (above - below) / (2 * kStep);
    }
  };
  BlockGradients<double> result(block.config, block.angles.n_tokens);
  differences(x, result.input);
  for (size_t i = 0; i < kRoles; ++i) differences(weights.values[i], result.weights.values[i]);
  return result;
}

template <class T, class Expected>
TensorError tensor_error(std::string_view name, const std::vector<T>& got,
                         const std::vector<Expected>& expected) {
  QWENCH_CHECK(got.size() == expected.size());
  double difference = 0, largest = 0;
  for (size_t i = 0; i < got.size(); ++i) {
    const double d = std::fabs(double(got[i]) - double(expected[i]));
    if (std::isnan(d) || d > difference) difference = d;  // a NaN stays: nothing is above it
    largest = std::max(largest, std::fabs(double(expected[i])));
  }
  // Where zeros were expected, whatever is not zero is infinitely wrong.
  return {name, difference == 0 ? 0 : difference / largest};
}

template <class T, class Expected>
std::vector<TensorError> gradient_errors(const BlockGradients<T>& got,
                                         const BlockGradients<Expected>& expected) {
  const std::vector<NamedValues<T>> ours = tensors_of(got);
  const std::vector<NamedValues<Expected>> theirs = tensors_of(expected);
  QWENCH_CHECK(ours.size() == theirs.size());
  std::vector<TensorError> errors;
  for (size_t i = 0; i < ours.size(); ++i)
    errors.push_back(tensor_error(ours[i].name, *ours[i].values, *theirs[i].values));
  return errors;
}

double worst(const std::vector<TensorError>& errors) {
  double worst = 0;
  for (const TensorError& e : errors)
    if (std::isnan(e.error) || e.error > worst) worst = e.error;
  return worst;
}

double finite_difference_error(uint64_t seed) {
  std::vector<TensorError> errors;
  for (const bool qwen3 : {false, true}) {
    const SmallBlock block(small_block_config(!qwen3, qwen3), 5, seed);
    const BlockArgs<float> args{block.config, block.weights, block.angles};
    const BlockRun<float> run = run_block(args, block.input, block.grad_output, false);
    const auto more = gradient_errors(run.gradients, central_differences(block));
    errors.insert(errors.end(), more.begin(), more.end());
  }
  return worst(errors);
}

template TensorError tensor_error(std::string_view, const std::vector<float>&,
                                  const std::vector<float>&);
template std::vector<TensorError> gradient_errors(const BlockGradients<float>&,
                                                  const BlockGradients<double>&);
template std::vector<TensorError> gradient_errors(const BlockGradients<double>&,
                                                  const BlockGradients<double>&);
template std::vector<TensorError> gradient_errors(const BlockGradients<float>&,
                                                  const BlockGradients<float>&);

}  // namespace qwench::bench
