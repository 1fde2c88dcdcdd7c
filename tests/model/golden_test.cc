// Logits and greedy tokens equal those of Hugging Face transformers on every golden folder,
// whatever the kernels, and are the same bits whatever the threads, chunks and batch.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>

#include "tests/support/test_model.h"

using namespace qwench;
using namespace qwench::test;

namespace {

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::fabs(double(a[i]) - b[i]));
  return largest;
}
double largest_value(const std::vector<float>& a) {
  double largest = 0;
  for (float v : a) largest = std::max(largest, std::fabs(double(v)));
  return largest;
}
bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * 4) == 0;
}

constexpr double kBound = 2e-4;  // of the largest |logit|: float32 against float32

}  // namespace

TEST_CASE("logits of every golden folder are within 2e-4 of transformers, with every policy") {
  for (const std::string& folder : golden_text_folders())
    for (const char* kernels : {"", "reference", "linear=eigen", "attention=reference"}) {
      CAPTURE(folder);
      CAPTURE(kernels);
      const TestModel m(folder, kernels);
      const std::vector<float> expected = expected_floats(folder, "logits");
      const std::vector<float> got = prompt_logits(m, expected_ints(folder, "input_ids"), 64);
      CHECK(largest_difference(got, expected) <= kBound * largest_value(expected));
    }
}

TEST_CASE("a wrong weight moves the logits past the bound") {
  const std::string folder = golden_text_folders().front();
  const TestModel m(folder);
  void* const at = m.model.weights.layers[0].attn_norm.view.data;
  float weight = 0;
  m.backend->download(&weight, at, sizeof weight);
  weight = weight * 1.5f + 0.5f;
  m.backend->upload(at, &weight, sizeof weight);
  const std::vector<float> expected = expected_floats(folder, "logits");
  const std::vector<float> got = prompt_logits(m, expected_ints(folder, "input_ids"), 64);
  CHECK(largest_difference(got, expected) > kBound * largest_value(expected));
}

TEST_CASE("greedy tokens are those of transformers") {
  for (const std::string& folder : golden_text_folders())
    for (const char* kernels : {"", "reference"}) {
      CAPTURE(folder);
      CAPTURE(kernels);
      const std::vector<int32_t> expected = expected_ints(folder, "greedy_ids");
      const TestModel m(folder, kernels);
      CHECK(greedy(m, expected_ints(folder, "input_ids"), int64_t(expected.size())) == expected);
    }
}

TEST_CASE("logits are bit-identical for any thread count and prefill chunk") {
  for (const std::string& folder : golden_text_folders())
    for (const std::string& kernels : {invariant_kernels(), std::string("reference")}) {
      CAPTURE(folder);
      CAPTURE(kernels);
      const std::vector<int32_t> tokens = expected_ints(folder, "input_ids");
      const std::vector<float> one = prompt_logits(TestModel(folder, kernels, 1), tokens, 64);
      const TestModel two(folder, kernels, 2), three(folder, kernels, 3);
      for (int64_t chunk : {1, 7, 64, 512}) {
        CAPTURE(chunk);
        CHECK(same_bits(prompt_logits(two, tokens, chunk), one));
      }
      CHECK(same_bits(prompt_logits(three, tokens, 7), one));
    }
}

TEST_CASE("so are those of quantised weights") {
  const std::string kernels = invariant_kernels();
  for (const char* name : {"text/qwen3-tied-bf16", "text/qwen2-untied-f32"})
    for (const DType dtype : {DType::kQ8_0, DType::kQ4_0, DType::kQ4G}) {
      CAPTURE(name);
      CAPTURE(name_of(dtype));
      const std::string folder = data_folder(name);
      const std::vector<int32_t> tokens = expected_ints(folder, "input_ids");
      const LoadOptions load = held_as(dtype);
      const auto one = prompt_logits(TestModel(folder, kernels, 1, load), tokens, 64);
      const TestModel two(folder, kernels, 2, load);
      for (int64_t chunk : {1, 2, 7, 8, 64, 512})
        CHECK(same_bits(prompt_logits(two, tokens, chunk), one));
      CHECK(same_bits(prompt_logits(TestModel(folder, kernels, 3, load), tokens, 7), one));
    }
}

TEST_CASE("an f16 KV cache stays near and is bit-identical too") {
  const std::string folder = data_folder("text/qwen3-tied-bf16");
  const std::vector<int32_t> tokens = expected_ints(folder, "input_ids");
  const std::vector<float> expected = expected_floats(folder, "logits");
  const TestModel m(folder, invariant_kernels()), reference(folder, "reference");
  const std::vector<float> got = prompt_logits(m, tokens, 64, DType::kF16);
  CHECK(same_bits(prompt_logits(m, tokens, 7, DType::kF16), got));
  CHECK(largest_difference(got, expected) <= 5e-3 * largest_value(expected));
  const std::vector<float> oracle = prompt_logits(reference, tokens, 64, DType::kF16);
  CHECK(largest_difference(got, oracle) <= 2e-3 * largest_value(expected));  // a rounding may flip
}

TEST_CASE("--mmap reads the same weights") {
  const std::string folder = data_folder("text/qwen2-sharded-f16");
  const std::vector<int32_t> tokens = expected_ints(folder, "input_ids");
  TestModel mapped(folder);
  OpenOptions options;
  options.mmap = true;
  mapped.checkpoint = open_checkpoint(folder, options);
  mapped.model.weights = load_weights(*mapped.checkpoint, *mapped.backend, {});
  CHECK(same_bits(prompt_logits(mapped, tokens, 64), prompt_logits(TestModel(folder), tokens, 64)));
}
