// Checkpoints as quantisers publish them: the exact weights that the formats' own libraries read, the
// logits and tokens of transformers on them, and every lie of a file refused by name.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

#include "engine/base/check.h"
#include "engine/formats/format.h"
#include "tests/support/quantized_folders.h"

using namespace qwench;
using namespace qwench::test;
namespace fs = std::filesystem;

namespace {

constexpr double kBound = 2e-4;  // of the largest |logit|: float32 against float32

double largest(const std::vector<float>& a, const std::vector<float>* minus = nullptr) {
  double out = 0;
  for (size_t i = 0; i < a.size(); ++i)
    out = std::max(out, std::fabs(double(a[i]) - (minus ? double((*minus)[i]) : 0)));
  return out;
}

std::vector<float> read_floats(const Checkpoint& checkpoint, const TensorInfo& info, int64_t first,
                               int64_t count) {
  std::vector<float> values(size_t(count), NAN);
  if (info.dtype == DType::kF32) {
    checkpoint.read(info, first, count, values.data());
    return values;
  }
  REQUIRE(info.dtype == DType::kQ4_0);
  const int64_t rows = count / info.cols();
  std::vector<char> blocks(size_t(rows * row_bytes(info.dtype, info.cols())));
  checkpoint.read(info, first, count, blocks.data());
  convert_rows(blocks.data(), info.dtype, values.data(), DType::kF32, rows, info.cols());
  return values;
}

bool holds_q4_0(const std::string& folder) {
  return open_checkpoint(folder, {})->config().stored_dtype == DType::kQ4_0;
}

}  // namespace

TEST_CASE("symmetric 4-bit folders of 32 and more inputs a group are held as q4_0, others as f32") {
  for (const std::string& folder : safetensors_folders()) {
    CAPTURE(folder);
    const std::string name = fs::path(folder).filename().string();
    bool symmetric = false;
    for (const char* known : {"gptq-qwen2-int4-g128-v1", "gptq-qwen2-int4-gall-v1-oldstyle",
                              "gptq-qwen3-int4-g128-v1-partial", "ct-qwen2-w4a16-g128"})
      symmetric |= name.rfind(known, 0) == 0;
    CHECK(holds_q4_0(folder) == symmetric);
  }
}

TEST_CASE("one folder of each scheme is here, the rest where the shared folder is") {
  CHECK(safetensors_folders().size() >= 6);
  if (!shared_quantized().empty()) CHECK(safetensors_folders().size() >= 33);
}

TEST_CASE("logits and greedy tokens of every quantised folder are those of transformers") {
  for (const std::string& folder : safetensors_folders()) {
    CAPTURE(folder);
    const std::vector<float> expected = expected_floats(folder, "logits");
    const std::vector<int32_t> prompt = expected_ints(folder, "input_ids");
    const std::vector<int32_t> ids = expected_ints(folder, "greedy_ids");
    for (const char* kernels : {"reference", ""}) {
      if (!*kernels && holds_q4_0(folder)) continue;  // its kernels round activations
      CAPTURE(kernels);
      const TestModel m(folder, kernels);
      const std::vector<float> got = prompt_logits(m, prompt, 64);
      REQUIRE(got.size() == expected.size());
      CHECK(largest(got, &expected) <= kBound * largest(expected));
      CHECK(greedy(m, prompt, int64_t(ids.size())) == ids);
    }
  }
}

TEST_CASE("every quantised matrix decodes to the bits of the format's own library") {
  for (const std::string& folder : safetensors_folders()) {
    CAPTURE(folder);
    const auto checkpoint = open_checkpoint(folder, {});
    const SafetensorsFile samples(folder + "/dequantized_samples.safetensors");
    int n_weights = 0;
    for (const StoredTensor& rows : samples.tensors()) {
      if (rows.dtype != "I64") continue;
      const std::string name = rows.name.substr(0, rows.name.size() - 5);  // "NAME#rows"
      CAPTURE(name);
      const TensorInfo* info = checkpoint->find(name);
      REQUIRE(info != nullptr);
      const StoredTensor& sample = *samples.find(name);
      const int64_t cols = info->cols();
      REQUIRE(sample.shape == std::vector<int64_t>{rows.shape[0], cols});
      std::vector<int64_t> index(size_t(rows.shape[0]));
      std::vector<float> expected(index.size() * size_t(cols));
      samples.read(rows, 0, rows.end - rows.begin, index.data());
      samples.read(sample, 0, sample.end - sample.begin, expected.data());
      const std::vector<float> all = read_floats(*checkpoint, *info, 0, info->shape.count());
      for (size_t i = 0; i < index.size(); ++i) {
        const float* row = all.data() + index[i] * cols;
        CHECK(std::memcmp(row, expected.data() + int64_t(i) * cols, size_t(cols) * 4) == 0);
      }
      ++n_weights;
    }
    CHECK(n_weights > 6);
  }
}

TEST_CASE("any range of a quantised matrix gives the same elements as the whole") {
  for (const std::string& folder : safetensors_folders()) {
    CAPTURE(folder);
    const auto checkpoint = open_checkpoint(folder, {});
    for (const char* module : {"self_attn.k_proj", "mlp.down_proj"}) {
      const std::string name = fmt::format("model.layers.0.{}.weight", module);
      const TensorInfo& info = *checkpoint->find(name);
      if (info.dtype != DType::kF32) continue;  // q4_0 is read in whole rows
      const int64_t cols = info.cols(), n = info.shape.count();
      const std::vector<float> all = read_floats(*checkpoint, info, 0, n);
      for (const int64_t first : {int64_t(0), int64_t(1), cols - 1, 5 * cols, 9 * cols + 7})
        for (const int64_t count : {int64_t(0), int64_t(1), cols, 3 * cols + 2, n - first}) {
          const std::vector<float> part = read_floats(*checkpoint, info, first, count);
          CHECK(std::equal(part.begin(), part.end(), all.begin() + first));
        }
    }
  }
}
