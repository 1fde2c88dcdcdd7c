// A checkpoint, a backend and a session in one place, and the results that others computed for it.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "cpu/cpu_backend.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/checkpoint/safetensors.h"
#include "engine/model/session.h"

namespace qwench::test {

inline std::string data_folder(const std::string& name) {
  return std::string(QWENCH_SOURCE_DIR) + "/tests/data/" + name;
}

/// The names of the golden folders under tests/data/text, sorted.
std::vector<std::string> golden_text_folders();

/// The default kernels where their bits do not depend on the shape; with Eigen among them (no AVX2) "linear=reference",
/// said aloud.
std::string invariant_kernels();

/// Matrices of this type, whatever the file holds.
inline LoadOptions held_as(DType dtype) {
  LoadOptions load;
  load.as_stored = false, load.dtype = dtype;
  return load;
}

struct TestModel {
  std::unique_ptr<Checkpoint> checkpoint;
  std::unique_ptr<Backend> backend;
  Model model;

  /// `kernels`: choices as given to --kernel, separated by spaces.
  explicit TestModel(const std::string& path, const std::string& kernels = "", int threads = 1,
                     const LoadOptions& load = {});
};

inline SessionOptions with_capacity(int64_t capacity, int64_t n_seq = 1) {
  SessionOptions options;
  options.capacity = capacity;
  options.n_seq = n_seq;
  return options;
}

/// Logits [vocab] of a row that the last step left.
inline std::vector<float> row_of(const Session& session, int64_t row, int64_t vocab) {
  return {session.logits(row), session.logits(row) + vocab};
}

/// Logits [tokens, vocab] of a whole prompt.
std::vector<float> prompt_logits(const TestModel& m, const std::vector<int32_t>& tokens,
                                 int64_t prefill_chunk, DType kv_dtype = DType::kF32);

/// n ids by plain argmax after a prompt.
std::vector<int32_t> greedy(const TestModel& m, const std::vector<int32_t>& prompt, int64_t n);

/// Elements of a tensor of an expected.safetensors.
std::vector<float> expected_floats(const std::string& folder, const std::string& name);
std::vector<int32_t> expected_ints(const std::string& folder, const std::string& name);

}  // namespace qwench::test
