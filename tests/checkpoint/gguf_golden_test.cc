// GGUF files that llama.cpp's converter and quantiser made: the weights are bit for bit those of
// gguf-py, the logits and tokens those of transformers on them.
#include <cmath>
#include <cstring>

#include "engine/base/check.h"
#include "engine/formats/format.h"
#include "tests/support/quantized_folders.h"

using namespace qwench;
using namespace qwench::test;

namespace {

constexpr double kBound = 2e-4;  // of the largest |logit|: float32 against float32

double largest_of(const std::vector<float>& a) {
  double largest = 0;
  for (const float v : a) largest = std::max(largest, std::fabs(double(v)));
  return largest;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::fabs(double(a[i]) - b[i]));
  return largest;
}

/// Elements [first, first + count) as f32, in whole rows where the type needs them.
std::vector<float> read_floats(const Checkpoint& checkpoint, const TensorInfo& info, int64_t first,
                               int64_t count) {
  const int64_t cols = info.cols();
  const int64_t rows = is_quantized(info.dtype) ? count / cols : 1;
  const int64_t row = is_quantized(info.dtype) ? cols : count;
  std::vector<char> stored(size_t(rows * row_bytes(info.dtype, row)));
  checkpoint.read(info, first, count, stored.data());
  std::vector<float> values(size_t(count), NAN);
  convert_rows(stored.data(), info.dtype, values.data(), DType::kF32, rows, row);
  return values;
}

}  // namespace

TEST_CASE("logits and greedy tokens of every GGUF folder are those of transformers") {
  for (const std::string& folder : gguf_folders()) {
    CAPTURE(folder);
    const TestModel m(gguf_in(folder), "reference");
    const std::vector<float> expected = expected_floats(folder, "logits");
    const std::vector<int32_t> prompt = expected_ints(folder, "input_ids");
    const double difference = largest_difference(prompt_logits(m, prompt, 64), expected);
    const double bound = kBound * largest_of(expected);
    INFO("difference / bound: " << difference / bound);
    CHECK(difference <= bound);
    if (std::getenv("QWENCH_SHOW_DIFFERENCES"))
      MESSAGE(folder.substr(folder.rfind('/') + 1) << " " << difference / largest_of(expected));
    const std::vector<int32_t> ids = expected_ints(folder, "greedy_ids");
    CHECK(greedy(m, prompt, int64_t(ids.size())) == ids);
  }
}

TEST_CASE("every GGUF tensor decodes to the bits that gguf-py reads") {
  for (const std::string& folder : gguf_folders()) {
    CAPTURE(folder);
    const auto checkpoint = open_checkpoint(gguf_in(folder), {});
    const SafetensorsFile samples(folder + "/dequantized_samples.safetensors");
    int n_weights = 0;
    for (const StoredTensor& rows : samples.tensors()) {
      if (rows.dtype != "I64") continue;
      const std::string name = rows.name.substr(0, rows.name.size() - 5);  // "NAME#rows"
      CAPTURE(name);
      const TensorInfo* info = checkpoint->find(name);
      REQUIRE(info != nullptr);
      const StoredTensor& sample = *samples.find(name);
      std::vector<int64_t> index(size_t(rows.shape[0]));
      std::vector<float> expected(index.size() * size_t(info->cols()));
      REQUIRE(sample.end - sample.begin == int64_t(expected.size() * 4));
      samples.read(rows, 0, rows.end - rows.begin, index.data());
      samples.read(sample, 0, sample.end - sample.begin, expected.data());
      const std::vector<float> all = read_floats(*checkpoint, *info, 0, info->shape.count());
      const size_t bytes = size_t(info->cols()) * 4;
      for (size_t i = 0; i < index.size(); ++i)
        CHECK(std::memcmp(all.data() + index[i] * info->cols(),
                          expected.data() + int64_t(i) * info->cols(), bytes) == 0);
      ++n_weights;
    }
    CHECK(n_weights > 6);
  }
}

TEST_CASE(
    "any range of a decoded GGUF tensor gives the same elements as the whole, mapped or not") {
  for (const std::string& folder : gguf_folders()) {
    CAPTURE(folder);
    OpenOptions mapped;
    mapped.mmap = true;
    const auto checkpoint = open_checkpoint(gguf_in(folder), {});
    const auto other = open_checkpoint(gguf_in(folder), mapped);
    const TensorInfo& info = *checkpoint->find("model.layers.0.mlp.down_proj.weight");
    const int64_t cols = info.cols(), n = info.shape.count();
    const std::vector<float> all = read_floats(*checkpoint, info, 0, n);
    std::vector<std::pair<int64_t, int64_t>> ranges = {{0, 0}, {cols, 2 * cols}, {cols, n - cols}};
    if (!is_quantized(info.dtype))
      for (const int64_t first : {int64_t(0), int64_t(1), cols - 1, 9 * cols + 7})
        for (const int64_t count : {int64_t(1), cols, 3 * cols + 2, n - first})
          ranges.push_back({first, count});
    for (const auto& [first, count] : ranges)
      for (const Checkpoint* c : {checkpoint.get(), other.get()}) {
        const std::vector<float> part = read_floats(*c, info, first, count);
        CHECK((count == 0 || std::memcmp(part.data(), all.data() + first, size_t(count) * 4) == 0));
      }
  }
}

TEST_CASE("types that the engine has are kept, others are held as f32 and say what they were") {
  const std::string shared = shared_quantized();
  if (shared.empty()) return;
  const auto of = [&](const char* folder, const char* name) {
    const auto checkpoint = open_checkpoint(gguf_in(shared + "/" + folder), {});
    const TensorInfo& info = *checkpoint->find(name);
    return std::string(name_of(info.dtype)) + " " + info.stored;
  };
  const char* const kGate = "model.layers.0.mlp.gate_proj.weight";
  CHECK(of("gguf-qwen2-q8_0", kGate) == "q8_0 ");
  CHECK(of("gguf-qwen3-q4_0", kGate) == "q4_0 ");
  CHECK(of("gguf-qwen2-tied-bf16", kGate) == "bf16 ");
  CHECK(of("gguf-qwen3-f16", kGate) == "f16 ");
  CHECK(of("gguf-qwen3-f16", "model.norm.weight") == "f32 ");
  CHECK(of("gguf-qwen2-tied-q4_0-default", "model.embed_tokens.weight") == "f32 Q6_K");
  CHECK(of("gguf-qwen2-q4_k_m-fallback", kGate) == "f32 Q5_0");
  CHECK(open_checkpoint(gguf_in(shared + "/gguf-qwen2-tied-q4_0-default"), {})
            ->config()
            .stored_dtype == DType::kQ4_0);
}
