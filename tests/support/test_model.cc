// See test_model.h.
#include "tests/support/test_model.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "tests/support/backends.h"

namespace qwench::test {

std::vector<std::string> golden_text_folders() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(data_folder("text")))
    if (entry.is_directory()) names.push_back(entry.path().string());
  std::sort(names.begin(), names.end());
  return names;
}

std::string invariant_kernels() {
  cpu::CpuOptions options;
  options.threads = 1;
  if (cpu::make_cpu_backend(options)->describe().has("avx2")) return "";
  MESSAGE(
      "skipped: bits of the default kernels, which are Eigen's without AVX2; linear=reference "
      "instead");
  return "linear=reference";
}

TestModel::TestModel(const std::string& path, const std::string& kernels, int threads,
                     const LoadOptions& load)
    : checkpoint(open_checkpoint(path, {})) {
  cpu::CpuOptions options;
  options.threads = threads;
  std::istringstream choices(kernels);
  for (std::string choice; choices >> choice;) options.policy.add(choice);
  backend = make_test_backend(options);
  model.config = checkpoint->config();
  model.weights = load_weights(*checkpoint, *backend, load);
  model.backend = backend.get();
}

std::vector<float> prompt_logits(const TestModel& m, const std::vector<int32_t>& tokens,
                                 int64_t prefill_chunk, DType kv_dtype) {
  SessionOptions options;
  options.capacity = int64_t(tokens.size());
  options.prefill_chunk = options.logit_rows = prefill_chunk;
  options.kv = {kv_dtype, false};
  Session session(m.model, options);
  const int64_t vocab = m.model.config.vocab;
  std::vector<float> all(tokens.size() * size_t(vocab));
  const Session::OnLogits keep = [&](int64_t first, int64_t n, const float* logits) {
    std::copy(logits, logits + n * vocab, all.begin() + first * vocab);
  };
  session.prefill(0, tokens.data(), int64_t(tokens.size()), &keep);
  return all;
}

std::vector<int32_t> greedy(const TestModel& m, const std::vector<int32_t>& prompt, int64_t n) {
  SessionOptions options;
  options.capacity = int64_t(prompt.size()) + n;
  Session session(m.model, options);
  session.prefill(0, prompt.data(), int64_t(prompt.size()));
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < n; ++i) {
    ids.push_back(session.argmax(0, m.model.config.vocab));
    if (i + 1 < n) session.decode(&ids.back());
  }
  return ids;
}

namespace {
std::vector<char> bytes_of(const std::string& folder, const std::string& name) {
  const SafetensorsFile file(folder + "/expected.safetensors");
  const StoredTensor* tensor = file.find(name);
  if (!tensor) fail("test data: {} has no tensor {}", file.path(), name);
  std::vector<char> bytes(size_t(tensor->end - tensor->begin));
  file.read(*tensor, 0, int64_t(bytes.size()), bytes.data());
  return bytes;
}
}  // namespace

std::vector<float> expected_floats(const std::string& folder, const std::string& name) {
  const std::vector<char> bytes = bytes_of(folder, name);
  const float* values = reinterpret_cast<const float*>(bytes.data());
  return {values, values + bytes.size() / sizeof(float)};
}

std::vector<int32_t> expected_ints(const std::string& folder, const std::string& name) {
  const SafetensorsFile file(folder + "/expected.safetensors");
  const std::vector<char> bytes = bytes_of(folder, name);
  const size_t size = file.find(name)->dtype == "I64" ? 8 : 4;
  std::vector<int32_t> values;
  for (size_t at = 0; at < bytes.size(); at += size) {
    int32_t low;  // ids are small: the low half of a little-endian i64 is the id
    std::memcpy(&low, bytes.data() + at, sizeof low);
    values.push_back(low);
  }
  return values;
}

}  // namespace qwench::test
