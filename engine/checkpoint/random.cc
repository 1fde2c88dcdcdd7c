// Counter-based random weights: one splitmix64 step per four elements, then loops of fixed length
// over local arrays, which compilers vectorise without intrinsics.
#include "engine/checkpoint/random.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "engine/base/check.h"
#include "engine/base/splitmix64.h"

namespace qwench {
namespace {

constexpr int64_t kBlock = 1024;  // elements generated together; 4 KiB of float stays in L1
constexpr float kStandardDeviation = 0.02f;
constexpr float kScale = kStandardDeviation * 1.7320508f / 32768.0f;  // of a uniform int16

uint64_t hash_of(std::string_view name) {  // FNV-1a
  uint64_t h = 0xcbf29ce484222325u;
  for (const char c : name) h = (h ^ uint8_t(c)) * 0x100000001b3u;
  return h;
}

using Raw = std::array<int16_t, kBlock>;

/// Block `index` of the stream `key`: 256 counters, four uniform int16 from each.
void fill(uint64_t key, int64_t index, Raw& raw) {
  std::array<uint64_t, kBlock / 4> words;
  const uint64_t first = key + uint64_t(index) * uint64_t(kBlock / 4);
  for (size_t i = 0; i < words.size(); ++i) words[i] = splitmix64(first + i);
  for (size_t i = 0; i < words.size(); ++i)  // by value, not memcpy: the same on any byte order
    for (size_t part = 0; part < 4; ++part)
      raw[4 * i + part] = int16_t(uint16_t(words[i] >> (16 * part)));
}

uint32_t bits_of(float f) {
  uint32_t bits;
  std::memcpy(&bits, &f, 4);
  return bits;
}

/// Round to nearest even for finite values: f32_to_bf16 without its NaN branch.
uint16_t finite_to_bf16(float f) {
  const uint32_t bits = bits_of(f);
  return uint16_t((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

/// f32_to_f16 for |f| < 2, without branches: below 2^-14 an f16 counts units of 2^-24, and adding
/// 2^23 makes the float adder round to such a unit.
uint16_t small_to_f16(float f) {
  const uint32_t bits = bits_of(f);
  const uint32_t sign = (bits >> 16) & 0x8000u, magnitude = bits & 0x7fffffffu;
  const uint32_t subnormal = bits_of(std::fabs(f) * 16777216.0f + 8388608.0f) - 0x4b000000u;
  const uint32_t normal = (magnitude + 0xfffu + ((magnitude >> 13) & 1u) - 0x38000000u) >> 13;
  const uint32_t pick = 0u - uint32_t(magnitude < 0x38800000u);  // a mask: `?:` became a branch
  return uint16_t(sign | (subnormal & pick) | (normal & ~pick));
}

float identity(float f) { return f; }

template <class T, T (*kRound)(float)>
void generate(uint64_t key, float offset, float scale, int64_t first, int64_t count, void* to) {
  Raw raw;
  std::array<T, kBlock> block;
  for (int64_t done = 0; done < count;) {
    const int64_t index = (first + done) / kBlock, skip = (first + done) % kBlock;
    const int64_t n = std::min(count - done, kBlock - skip);
    fill(key, index, raw);
    for (size_t i = 0; i < size_t(kBlock); ++i) block[i] = kRound(offset + float(raw[i]) * scale);
    std::memcpy(static_cast<T*>(to) + done, block.data() + skip, size_t(n) * sizeof(T));
    done += n;
  }
}

bool is_norm(std::string_view name) {
  constexpr std::string_view kEnd = "norm.weight";
  return name.size() >= kEnd.size() && name.substr(name.size() - kEnd.size()) == kEnd;
}

void add_layer(const ModelConfig& c, int64_t layer, DType dtype, std::vector<TensorInfo>& out) {
  const std::string prefix = fmt::format("model.layers.{}.", layer);
  const auto add = [&](const char* name, Shape shape) {
    out.push_back({prefix + name, dtype, shape});
  };
  add("input_layernorm.weight", {c.dim});
  add("mlp.down_proj.weight", {c.dim, c.ffn_dim});
  add("mlp.gate_proj.weight", {c.ffn_dim, c.dim});
  add("mlp.up_proj.weight", {c.ffn_dim, c.dim});
  add("post_attention_layernorm.weight", {c.dim});
  if (c.qk_norm) {
    add("self_attn.q_norm.weight", {c.head_dim});
    add("self_attn.k_norm.weight", {c.head_dim});
  }
  if (c.qkv_bias) {
    add("self_attn.q_proj.bias", {c.q_dim()});
    add("self_attn.k_proj.bias", {c.kv_dim()});
    add("self_attn.v_proj.bias", {c.kv_dim()});
  }
  add("self_attn.q_proj.weight", {c.q_dim(), c.dim});
  add("self_attn.k_proj.weight", {c.kv_dim(), c.dim});
  add("self_attn.v_proj.weight", {c.kv_dim(), c.dim});
  add("self_attn.o_proj.weight", {c.dim, c.q_dim()});
}

}  // namespace

std::vector<TensorInfo> expected_tensors(const ModelConfig& config, DType dtype) {
  std::vector<TensorInfo> out;
  out.push_back({"model.embed_tokens.weight", dtype, {config.vocab, config.dim}});
  for (int64_t layer = 0; layer < config.n_layers; ++layer) add_layer(config, layer, dtype, out);
  out.push_back({"model.norm.weight", dtype, {config.dim}});
  if (!config.tied_embeddings) out.push_back({"lm_head.weight", dtype, {config.vocab, config.dim}});
  return out;
}

RandomCheckpoint::RandomCheckpoint(std::string card_name, ModelConfig config,
                                   const OpenOptions& options)
    : card_name_(std::move(card_name)), config_(std::move(config)), seed_(options.seed) {
  if (options.random_dtype == DType::kI32)
    fail_usage("random weights: expected f32, f16 or bf16, got i32");
  config_.stored_dtype = options.random_dtype;
  tensors_ = expected_tensors(config_, options.random_dtype);
  std::sort(tensors_.begin(), tensors_.end(),
            [](const TensorInfo& a, const TensorInfo& b) { return a.name < b.name; });
}

const TensorInfo* RandomCheckpoint::find(std::string_view name) const {
  return find_tensor(tensors_, name);
}

void RandomCheckpoint::read(const TensorInfo& tensor, int64_t first, int64_t count,
                            void* to) const {
  QWENCH_CHECK(first >= 0 && count >= 0 && first <= tensor.shape.count() - count);
  const uint64_t key = splitmix64(seed_ ^ splitmix64(hash_of(tensor.name)));
  const bool norm = is_norm(tensor.name);
  const float offset = norm ? 1.0f : 0.0f, scale = norm ? 3 * kScale : kScale;
  switch (tensor.dtype) {
    case DType::kF32: return generate<float, identity>(key, offset, scale, first, count, to);
    case DType::kF16: return generate<uint16_t, small_to_f16>(key, offset, scale, first, count, to);
    case DType::kBF16:
      return generate<uint16_t, finite_to_bf16>(key, offset, scale, first, count, to);
    default: break;
  }
  QWENCH_CHECK(false && "random integers");
}

}  // namespace qwench
