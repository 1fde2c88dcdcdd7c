// Nothing is allocated by a size from the metadata before a tensor of the file has that size.
#include "bench/gradients/golden_layer.h"

#include "engine/base/json.h"
#include "engine/checkpoint/safetensors.h"

namespace qwench::bench {

namespace {

/// The metadata's texts as numbers.
Json read_sizes(const SafetensorsFile& file) {
  if (file.metadata().empty())
    fail("{}: expected the layer's sizes as metadata, got none; is it a golden layer?",
         file.path());
  Json sizes = Json::object();
  for (const auto& [key, text] : file.metadata()) sizes[key] = parse_json(text, file.path());
  return sizes;
}

ModelConfig read_config(const Json& sizes, const SafetensorsFile& file) {
  const std::string& path = file.path();
  ModelConfig c;
  c.n_layers = 1;
  c.dim = read_int(sizes, "hidden_size", 1, 1 << 17, path);
  c.n_heads = read_int(sizes, "heads", 1, 4096, path);
  c.n_kv_heads = read_int(sizes, "kv_heads", 1, c.n_heads, path);
  c.head_dim = read_int(sizes, "head_dim", 2, 1024, path);
  c.ffn_dim = read_int(sizes, "intermediate_size", 1, 1 << 20, path);
  c.norm_eps = read_number(sizes, "rms_norm_eps", 1e-30, 1, path);
  c.rope.theta = read_number(sizes, "rope_theta", 1, 1e12, path);
  if (c.n_heads % c.n_kv_heads != 0)
    fail("kv_heads: expected a divisor of heads {}, got {} ({})", c.n_heads, c.n_kv_heads, path);
  if (c.head_dim % 2 != 0) fail("head_dim: expected an even number, got {} ({})", c.head_dim, path);
  c.qkv_bias = file.find("weight.self_attn.q_proj.bias") != nullptr;
  c.qk_norm = file.find("weight.self_attn.q_norm.weight") != nullptr;
  return c;
}

const StoredTensor& require(const SafetensorsFile& file, const std::string& name,
                            const Shape& shape) {
  const StoredTensor* stored = file.find(name);
  if (!stored) fail("tensor {}: missing (in {})", name, file.path());
  const TensorInfo info = stored->info(file.path());
  if (info.shape != shape || info.dtype != DType::kF32)
    fail("tensor {}: expected f32 {}, got {} {} (in {})", name, to_string(shape),
         name_of(info.dtype), to_string(info.shape), file.path());
  return *stored;
}

std::vector<float> read(const SafetensorsFile& file, const std::string& name, const Shape& shape) {
  const StoredTensor& stored = require(file, name, shape);
  std::vector<float> values(static_cast<size_t>(shape.count()));
  file.read(stored, 0, shape.count() * 4, values.data());
  return values;
}

}  // namespace

GoldenLayer read_golden_layer(const std::string& path) {
  const SafetensorsFile file(path);
  const Json sizes = read_sizes(file);
  const ModelConfig c = read_config(sizes, file);
  const int64_t n_tokens = read_int(sizes, "tokens", 1, 1 << 20, path);
  const Shape rows{n_tokens, c.dim};
  require(file, "grad_input", rows);
  for (size_t i = 0; i < kRoles; ++i) {
    const Shape shape = shape_of(Role(i), c);
    if (!shape.rank) continue;
    require(file, fmt::format("weight.{}", name_of(Role(i))), shape);
    require(file, fmt::format("grad.{}", name_of(Role(i))), shape);
  }
  GoldenLayer layer{c, n_tokens, BlockWeights<float>(c), {}, {}, {}, {c, n_tokens}};
  layer.input = read(file, "input", rows);
  layer.output = read(file, "output", rows);
  layer.grad_output = read(file, "grad_output", rows);
  layer.gradients.input = read(file, "grad_input", rows);
  for (size_t i = 0; i < kRoles; ++i) {
    const Shape shape = shape_of(Role(i), c);
    if (!shape.rank) continue;
    const std::string_view name = name_of(Role(i));
    layer.weights.values[i] = read(file, fmt::format("weight.{}", name), shape);
    layer.gradients.weights.values[i] = read(file, fmt::format("grad.{}", name), shape);
  }
  return layer;
}

std::vector<TensorError> golden_errors(const GoldenLayer& layer) {
  const RopeAngles angles(layer.config, layer.n_tokens);
  const BlockRun<float> run = run_block(BlockArgs<float>{layer.config, layer.weights, angles},
                                        layer.input, layer.grad_output, false);
  std::vector<TensorError> errors = {tensor_error("output", run.output, layer.output)};
  const std::vector<TensorError> gradients = gradient_errors(run.gradients, layer.gradients);
  errors.insert(errors.end(), gradients.begin(), gradients.end());
  return errors;
}

}  // namespace qwench::bench
