// Random weights: the same element for the same (seed, name, index) however it is asked for, and
// the spread that a real checkpoint has.
#include "engine/checkpoint/random.h"

#include <doctest/doctest.h>

#include <cmath>
#include <thread>
#include <vector>

#include "engine/base/check.h"
#include "engine/base/dtype.h"

using namespace qwench;

namespace {

ModelConfig small(const char* family, bool tied) {
  Json json = {{"model_type", family},     {"vocab_size", 320},
               {"hidden_size", 64},        {"intermediate_size", 160},
               {"num_hidden_layers", 2},   {"num_attention_heads", 4},
               {"num_key_value_heads", 2}, {"max_position_embeddings", 64},
               {"rms_norm_eps", 1e-6},     {"rope_theta", 1e6},
               {"head_dim", 16},           {"tie_word_embeddings", tied}};
  return read_model_config(json, "test");
}

RandomCheckpoint checkpoint(DType dtype, uint64_t seed = 1) {
  OpenOptions options;
  options.random_dtype = dtype;
  options.seed = seed;
  return RandomCheckpoint("small", small("qwen2", false), options);
}

std::vector<uint16_t> all(const RandomCheckpoint& c, const char* name) {
  const TensorInfo* tensor = c.find(name);
  REQUIRE(tensor != nullptr);
  std::vector<uint16_t> out(size_t(tensor->bytes() / 2));
  c.read(*tensor, 0, tensor->shape.count(), out.data());
  return out;
}

constexpr const char* kMatrix = "model.layers.1.mlp.up_proj.weight";

}  // namespace

TEST_CASE("names and shapes are those of a published checkpoint") {
  const RandomCheckpoint c = checkpoint(DType::kBF16);
  CHECK(c.find("lm_head.weight")->shape == Shape{320, 64});
  CHECK(c.find("model.layers.0.self_attn.k_proj.weight")->shape == Shape{32, 64});
  CHECK(c.find("model.layers.1.self_attn.q_proj.bias")->shape == Shape{64});
  CHECK(c.find("model.layers.2.self_attn.q_proj.bias") == nullptr);
  CHECK(c.find("model.layers.0.self_attn.q_norm.weight") == nullptr);
  const RandomCheckpoint q3("small", small("qwen3", true), {});
  CHECK(q3.find("lm_head.weight") == nullptr);
  CHECK(q3.find("model.layers.0.self_attn.q_norm.weight")->shape == Shape{16});
  CHECK(q3.find("model.layers.0.self_attn.q_proj.bias") == nullptr);
  int64_t elements = 0;
  for (const TensorInfo& t : q3.tensors()) elements += t.shape.count();
  CHECK(elements == q3.config().parameters());
}

TEST_CASE("any range gives the same elements as the whole") {
  for (const DType dtype : {DType::kBF16, DType::kF16, DType::kF32}) {
    const RandomCheckpoint c = checkpoint(dtype);
    const TensorInfo& tensor = *c.find(kMatrix);
    const std::vector<uint16_t> whole = all(c, kMatrix);
    const auto per = size_t(size_of(dtype) / 2);
    for (const int64_t first : {0, 1, 1023, 1024, 1025, 5000, 10239})
      for (const int64_t count : {0, 1, 2, 1023, 1024, 1025, 3000}) {
        if (first + count > tensor.shape.count()) continue;
        std::vector<uint16_t> part(size_t(count) * per + 1, 0xabcd);
        c.read(tensor, first, count, part.data());
        const auto* begin = whole.data() + size_t(first) * per;
        REQUIRE(std::equal(begin, begin + size_t(count) * per, part.begin()));
        REQUIRE(part.back() == 0xabcd);  // nothing is written past the range
      }
  }
}

TEST_CASE("seed, name and index each change the elements") {
  const RandomCheckpoint c = checkpoint(DType::kBF16);
  CHECK(all(c, kMatrix) == all(checkpoint(DType::kBF16), kMatrix));
  CHECK(all(c, kMatrix) != all(checkpoint(DType::kBF16, 2), kMatrix));
  CHECK(all(c, kMatrix) != all(c, "model.layers.0.mlp.up_proj.weight"));
  CHECK(all(c, kMatrix) != all(c, "model.layers.1.mlp.gate_proj.weight"));
}

TEST_CASE("the first elements of seed 1 never change, so numbers can be compared over years") {
  const RandomCheckpoint c = checkpoint(DType::kBF16);
  std::vector<uint16_t> first(4);
  c.read(*c.find("model.embed_tokens.weight"), 0, 4, first.data());
  CHECK(first == std::vector<uint16_t>{0xbcb2, 0xbcdb, 0xbce7, 0x3c31});
}

TEST_CASE("bf16 and f16 are the f32 elements rounded") {
  const RandomCheckpoint f32 = checkpoint(DType::kF32), f16 = checkpoint(DType::kF16),
                         bf16 = checkpoint(DType::kBF16);
  for (const char* name : {"model.embed_tokens.weight", "model.norm.weight", kMatrix}) {
    const int64_t n = f32.find(name)->shape.count();
    std::vector<float> values(static_cast<size_t>(n));
    f32.read(*f32.find(name), 0, n, values.data());
    std::vector<uint16_t> rounded(static_cast<size_t>(n));
    convert(values.data(), DType::kF32, rounded.data(), DType::kF16, n);
    CHECK(all(f16, name) == rounded);
    convert(values.data(), DType::kF32, rounded.data(), DType::kBF16, n);
    CHECK(all(bf16, name) == rounded);
  }
}

TEST_CASE("matrices have mean 0 and standard deviation 0.02, norms are near 1") {
  const RandomCheckpoint c = checkpoint(DType::kF32);
  const TensorInfo& tensor = *c.find("model.embed_tokens.weight");
  std::vector<float> values(size_t(tensor.shape.count()));
  c.read(tensor, 0, tensor.shape.count(), values.data());
  double sum = 0, squares = 0, neighbours = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    sum += values[i];
    squares += double(values[i]) * values[i];
    if (i) neighbours += double(values[i]) * values[i - 1];
  }
  const double n = double(values.size());
  CHECK(std::fabs(sum / n) < 5 * 0.02 / std::sqrt(n));
  CHECK(std::sqrt(squares / n) == doctest::Approx(0.02).epsilon(0.02));
  CHECK(std::fabs(neighbours / squares) < 5 / std::sqrt(n));
  std::vector<float> norm(64);
  c.read(*c.find("model.norm.weight"), 0, 64, norm.data());
  for (const float x : norm) CHECK(std::fabs(x - 1) < 0.11f);
  CHECK(norm[0] != norm[1]);
}

TEST_CASE("threads read at once what one thread reads") {
  const RandomCheckpoint c = checkpoint(DType::kBF16);
  const TensorInfo& tensor = *c.find(kMatrix);
  const std::vector<uint16_t> whole = all(c, kMatrix);
  std::vector<uint16_t> parts(whole.size());
  std::vector<std::thread> threads;
  const int64_t step = int64_t(whole.size()) / 4;
  for (int64_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] { c.read(tensor, t * step, step, parts.data() + t * step); });
  for (std::thread& thread : threads) thread.join();
  CHECK(parts == whole);
}

TEST_CASE("random integers are a UsageError") {
  OpenOptions options;
  options.random_dtype = DType::kI32;
  CHECK_THROWS_AS(RandomCheckpoint("small", small("qwen2", false), options), UsageError);
}
