// Names and shapes are those of the published checkpoints, as engine/model/weights.cc reads them.
#include "bench/gradients/block_weights.h"

#include <algorithm>

#include "engine/formats/format.h"

namespace qwench::bench {

namespace {

constexpr std::string_view kNames[kRoles] = {"input_layernorm.weight",
                                             "self_attn.q_proj.weight",
                                             "self_attn.k_proj.weight",
                                             "self_attn.v_proj.weight",
                                             "self_attn.q_proj.bias",
                                             "self_attn.k_proj.bias",
                                             "self_attn.v_proj.bias",
                                             "self_attn.q_norm.weight",
                                             "self_attn.k_norm.weight",
                                             "self_attn.o_proj.weight",
                                             "post_attention_layernorm.weight",
                                             "mlp.gate_proj.weight",
                                             "mlp.up_proj.weight",
                                             "mlp.down_proj.weight"};

const TensorInfo& require(const Checkpoint& checkpoint, const std::string& name,
                          const Shape& shape) {
  const TensorInfo* info = checkpoint.find(name);
  if (!info)
    fail("tensor {}: missing (in {}); gradients are those of dense Qwen2 and Qwen3 layers", name,
         checkpoint.path());
  if (info->shape != shape)
    fail("tensor {}: expected shape {}, got {} (in {})", name, to_string(shape),
         to_string(info->shape), checkpoint.path());
  if (info->dtype == DType::kI32)
    fail("tensor {}: expected a floating type, got i32 (in {})", name, checkpoint.path());
  return *info;
}

/// A tensor as it is once `dtype` holds it. Whole rows at a time, so that a type that stores blocks of a
/// row is never cut; vectors are never quantised.
void read_rows(const Checkpoint& checkpoint, const TensorInfo& info, DType dtype, float* to) {
  constexpr int64_t kElements = 1 << 20;  // at once: staging stays small beside a matrix
  const int64_t cols = info.cols(), rows = info.rows();
  const DType held = is_quantized(dtype) && info.shape.rank < 2 ? DType::kF32 : dtype;
  if (is_quantized(held) && cols % kQuantBlock != 0)
    fail("tensor {}: expected rows of whole blocks of {} for {}, got {} columns (in {})", info.name,
         kQuantBlock, name_of(held), cols, checkpoint.path());
  const int64_t rows_at_once = std::clamp<int64_t>(kElements / cols, 1, rows);
  std::vector<char> stored(size_t(rows_at_once * row_bytes(info.dtype, cols)));
  std::vector<char> rounded(size_t(rows_at_once * row_bytes(held, cols)));
  for (int64_t row = 0; row < rows; row += rows_at_once) {
    const int64_t n = std::min(rows_at_once, rows - row);
    checkpoint.read(info, row * cols, n * cols, stored.data());
    convert_rows(stored.data(), info.dtype, rounded.data(), held, n, cols);
    convert_rows(rounded.data(), held, to + row * cols, DType::kF32, n, cols);
  }
}

}  // namespace

std::string_view name_of(Role role) { return kNames[size_t(role)]; }

Shape shape_of(Role role, const ModelConfig& c) {
  switch (role) {
    case Role::kAttnNorm:
    case Role::kFfnNorm: return {c.dim};
    case Role::kWq: return {c.q_dim(), c.dim};
    case Role::kWk:
    case Role::kWv: return {c.kv_dim(), c.dim};
    case Role::kBiasQ: return c.qkv_bias ? Shape{c.q_dim()} : Shape{};
    case Role::kBiasK:
    case Role::kBiasV: return c.qkv_bias ? Shape{c.kv_dim()} : Shape{};
    case Role::kQNorm:
    case Role::kKNorm: return c.qk_norm ? Shape{c.head_dim} : Shape{};
    case Role::kWo: return {c.dim, c.q_dim()};
    case Role::kWGate:
    case Role::kWUp: return {c.ffn_dim, c.dim};
    case Role::kWDown: return {c.dim, c.ffn_dim};
  }
  return {};
}

template <class T>
BlockWeights<T>::BlockWeights(const ModelConfig& config) {
  for (size_t i = 0; i < kRoles; ++i) {
    const Shape shape = shape_of(Role(i), config);
    if (shape.rank) values[i].resize(size_t(shape.count()));
  }
}

template <class T>
std::vector<NamedValues<T>> tensors_of(const BlockGradients<T>& gradients) {
  std::vector<NamedValues<T>> list = {{"input", &gradients.input}};
  for (size_t i = 0; i < kRoles; ++i)
    if (gradients.weights[Role(i)]) list.push_back({kNames[i], &gradients.weights.values[i]});
  return list;
}

BlockWeights<float> read_block_weights(const Checkpoint& checkpoint, int64_t layer, DType dtype) {
  QWENCH_CHECK(layer >= 0 && layer < checkpoint.config().n_layers && dtype != DType::kI32);
  BlockWeights<float> weights(checkpoint.config());
  for (size_t i = 0; i < kRoles; ++i) {
    const Shape shape = shape_of(Role(i), checkpoint.config());
    if (!shape.rank) continue;
    const std::string name = fmt::format("model.layers.{}.{}", layer, kNames[i]);
    const bool is_matrix = shape.rank == 2;
    read_rows(checkpoint, require(checkpoint, name, shape), is_matrix ? dtype : DType::kF32,
              weights.values[i].data());
  }
  return weights;
}

template struct BlockWeights<float>;
template struct BlockWeights<double>;
template std::vector<NamedValues<float>> tensors_of(const BlockGradients<float>&);
template std::vector<NamedValues<double>> tensors_of(const BlockGradients<double>&);

}  // namespace qwench::bench
