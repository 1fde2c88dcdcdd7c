// Frequencies and tables of rotary position embedding. Source: transformers modeling_rope_utils.py
// (default and YaRN), in its fp32 order of operations, so that angles round as the reference's do.
#include "engine/model/rope_table.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace qwench {

namespace {

/// Dimension (of head_dim) at which a frequency makes `turns` turns over the original context.
double yarn_dimension(const RopeConfig& rope, double head_dim, double turns) {
  const double kTwoPi = 6.283185307179586;
  const double positions = double(rope.original_positions);
  return head_dim * std::log(positions / (turns * kTwoPi)) / (2 * std::log(rope.theta));
}

void apply_yarn(const RopeConfig& rope, int64_t head_dim, std::vector<float>& frequency) {
  double low = yarn_dimension(rope, double(head_dim), rope.beta_fast);
  double high = yarn_dimension(rope, double(head_dim), rope.beta_slow);
  if (rope.truncate) low = std::floor(low), high = std::ceil(high);
  low = std::max(low, 0.0);
  high = std::min(high, double(head_dim - 1));
  if (low == high) high += 0.001;
  for (size_t j = 0; j < frequency.size(); ++j) {
    const float ramp = std::clamp((float(j) - float(low)) / float(high - low), 0.0f, 1.0f);
    const float original = 1 - ramp;  // share of the frequency that is kept as it was trained
    const float interpolated = frequency[j] / float(rope.factor);
    frequency[j] = interpolated * (1 - original) + frequency[j] * original;
  }
}

}  // namespace

std::vector<float> rope_frequencies(const RopeConfig& rope, int64_t head_dim) {
  std::vector<float> frequency(size_t(head_dim / 2));
  for (size_t j = 0; j < frequency.size(); ++j) {
    const float exponent = float(2 * j) / float(head_dim);
    frequency[j] = 1.0f / std::pow(float(rope.theta), exponent);
  }
  if (rope.type == RopeType::kYarn) apply_yarn(rope, head_dim, frequency);
  return frequency;
}

RopeTable::RopeTable(Backend& backend, const ModelConfig& config, int64_t capacity) {
  const std::vector<float> frequency = rope_frequencies(config.rope, config.head_dim);
  const int64_t half = config.head_dim / 2;
  std::vector<float> table(size_t(2 * capacity * half));
  const float scale = float(config.rope.attention_factor);
  for (int64_t pos = 0; pos < capacity; ++pos)
    for (int64_t j = 0; j < half; ++j) {
      const float angle = float(pos) * frequency[size_t(j)];
      table[size_t(pos * half + j)] = std::cos(angle) * scale;
      table[size_t((capacity + pos) * half + j)] = std::sin(angle) * scale;
    }
  const int64_t bytes = int64_t(table.size() * sizeof(float));
  storage = backend.allocate(bytes, MemoryKind::kActivations);
  backend.upload(storage.data(), table.data(), bytes);
  cos = {storage.data(), DType::kF32, {capacity, half}};
  sin = {static_cast<float*>(storage.data()) + capacity * half, DType::kF32, {capacity, half}};
}

}  // namespace qwench
