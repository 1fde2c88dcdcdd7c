// The weights of one decoder layer by role, in float or double; their gradients have the same form.
#pragma once
#include <array>
#include <string_view>
#include <vector>

#include "engine/checkpoint/checkpoint.h"

namespace qwench::bench {

enum class Role : uint8_t {
  kAttnNorm,  // [dim]
  kWq,
  kWk,
  kWv,  // [q_dim, dim], [kv_dim, dim] x 2
  kBiasQ,
  kBiasK,
  kBiasV,  // [q_dim], [kv_dim] x 2; where config.qkv_bias
  kQNorm,
  kKNorm,    // [head_dim]; where config.qk_norm
  kWo,       // [dim, q_dim]
  kFfnNorm,  // [dim]
  kWGate,
  kWUp,
  kWDown,  // [ffn_dim, dim] x 2, [dim, ffn_dim]
};
constexpr size_t kRoles = 14;

/// The name in a checkpoint after "model.layers.<layer>.": "self_attn.q_proj.weight".
std::string_view name_of(Role role);
/// Rank 0 when a block of this config has no such tensor.
Shape shape_of(Role role, const ModelConfig& config);

template <class T>
struct BlockWeights {
  std::array<std::vector<T>, kRoles> values;  // row-major; empty: the block has no such tensor

  /// All zero.
  explicit BlockWeights(const ModelConfig& config);

  std::vector<T>& at(Role role) { return values[size_t(role)]; }
  const std::vector<T>& at(Role role) const { return values[size_t(role)]; }
  /// Null when the block has no such tensor.
  T* operator[](Role role) { return at(role).empty() ? nullptr : at(role).data(); }
  const T* operator[](Role role) const { return at(role).empty() ? nullptr : at(role).data(); }
};

/// The derivative of a loss by the block's input and weights.
template <class T>
struct BlockGradients {
  std::vector<T> input;  // [n_tokens, dim]
  BlockWeights<T> weights;

  BlockGradients(const ModelConfig& config, int64_t n_tokens)
      : input(size_t(n_tokens * config.dim)), weights(config) {}
};

template <class T>
struct NamedValues {
  std::string_view name;
  const std::vector<T>* values;
};
/// "input", then the weights that the block has, in the order of their roles.
template <class T>
std::vector<NamedValues<T>> tensors_of(const BlockGradients<T>& gradients);

/// The weights of a layer as the engine holds them after loading, widened to f32: matrices as
/// stored -> `dtype` -> f32, vectors as stored -> f32. Error naming the tensor that is missing or
/// of another shape or type; contract: 0 <= layer < n_layers, dtype is a floating type.
BlockWeights<float> read_block_weights(const Checkpoint& checkpoint, int64_t layer, DType dtype);

}  // namespace qwench::bench
