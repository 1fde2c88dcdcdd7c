// Golden folders: what passes, what must fail, and which files are refused.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>

#include "bench/accuracy/golden.h"
#include "engine/base/check.h"
#include "tests/support/quantized_folders.h"
#include "tests/support/scratch.h"

using namespace qwench;
using namespace qwench::bench;
using test::ScratchFolder;
using test::TestModel;

namespace {

GoldenResult check(const std::string& folder, const TestModel& m, GoldenOptions options = {}) {
  return check_golden(folder, m.model, options);
}

/// The parts of an expected.safetensors, to be altered and written into a folder.
struct Parts {
  std::vector<int32_t> input, greedy;
  std::vector<float> logits, hidden;
  int64_t n, vocab, dim, layers;

  Parts(const std::string& folder, const ModelConfig& config)
      : input(test::expected_ints(folder, "input_ids")),
        greedy(test::expected_ints(folder, "greedy_ids")),
        logits(test::expected_floats(folder, "logits")),
        hidden(test::expected_floats(folder, "hidden_states")),
        n(int64_t(input.size())),
        vocab(config.vocab),
        dim(config.dim),
        layers(config.n_layers) {}
  std::vector<TensorToWrite> tensors() const {
    return {{{"input_ids", DType::kI32, {n}}, input.data()},
            {{"greedy_ids", DType::kI32, {int64_t(greedy.size())}}, greedy.data()},
            {{"logits", DType::kF32, {n, vocab}}, logits.data()},
            {{"hidden_states", DType::kF32, {layers + 1, n, dim}}, hidden.data()}};
  }
  void write(const ScratchFolder& to) const {
    write_safetensors(to.file("expected.safetensors"), tensors());
  }
};

}  // namespace

TEST_CASE("every golden folder passes, in one chunk and in small ones, with its hidden states") {
  for (const std::string& folder : golden_folders(test::data_folder("text")))
    for (const char* kernels : {"", "reference", "norm_qkv=composed"}) {
      CAPTURE(folder);
      CAPTURE(kernels);
      const TestModel m(folder, kernels);
      for (const int64_t chunk : {int64_t(512), int64_t(7)}) {
        GoldenOptions options;
        options.prefill_chunk = chunk;
        const GoldenResult r = check(folder, m, options);
        CHECK_MESSAGE(r.passed(), to_string(r));
        CHECK(r.hidden.size() == size_t(m.model.config.n_layers + 1));
        CHECK(r.ids.size() >= 8);
        CHECK(r.logits.relative() > 0);  // two programs never agree to the last bit
        for (const GoldenTensor& layer : r.hidden) CHECK(layer.max_expected > 0);
      }
      CHECK(m.backend->observers.empty());
    }
}

TEST_CASE("a damaged layer fails and is seen first in its own hidden state") {
  const std::string folder = test::data_folder("text/qwen3-sharded-bf16");
  const TestModel m(folder);
  float& weight = m.model.weights.layers[1].attn_norm.view.as<float>()[0];
  weight = weight * 1.5f + 0.5f;
  const GoldenResult r = check(folder, m);
  CHECK_FALSE(r.passed());
  CHECK(r.hidden[0].relative() <= r.limits.bound);
  CHECK(r.hidden[1].relative() <= r.limits.bound);
  CHECK(r.hidden[2].relative() > r.limits.bound);
  CHECK(to_string(r).find("FAIL") == 0);
  CHECK(to_json(r)["passed"] == false);
}

TEST_CASE("quantised folders of other software: int8 activations are judged by their divergence") {
  for (const std::string& folder : test::quantized_folders()) {
    CAPTURE(folder);
    const TestModel m(folder);
    const GoldenResult r = check(folder, m);
    CHECK_MESSAGE(r.passed(), to_string(r));
    bool integers = false;  // some matrix is held in blocks that an integer kernel reads
    for (const LayerWeights& layer : m.model.weights.layers)
      for (const Weight* w : {&layer.wq, &layer.wv, &layer.w_gate, &layer.w_down})
        integers = integers || (is_quantized(w->view.dtype) && w->view.packed);
    CHECK(r.rounds_inputs == integers);
    if (!integers) CHECK(r.max_kl < 1e-7);
  }
}

TEST_CASE("rounded inputs excuse neither another distribution nor another id with a clear margin") {
  GoldenResult r;
  r.rounds_inputs = true;
  r.logits = {0.1, 5, 0};
  r.ids = {1, 2}, r.expected_ids = {1, 3}, r.margins = {1, 0.15f};
  CHECK(r.passed());
  r.margins[1] = 0.25f;
  CHECK_FALSE(r.passed());
  r.margins.clear();
  CHECK_FALSE(r.passed());
  r.ids = r.expected_ids;
  CHECK(r.passed());
  r.max_kl = 0.006;
  CHECK_FALSE(r.passed());
  r.max_kl = 0.004, r.mean_kl = 0.002;
  CHECK_FALSE(r.passed());
  r.mean_kl = std::nan("");
  CHECK_FALSE(r.passed());
}

TEST_CASE("the bound is the one that was asked for") {
  const std::string folder = test::data_folder("text/qwen2-tied-bf16");
  const TestModel m(folder);
  GoldenOptions strict;
  strict.bound = 1e-9;
  CHECK_FALSE(check(folder, m, strict).passed());
  GoldenOptions half;
  half.kv.dtype = DType::kF16;
  CHECK_FALSE(check(folder, m, half).passed());
  half.bound = 1e-2;
  CHECK(check(folder, m, half).passed());
}

TEST_CASE("another greedy id fails and its place is named") {
  const std::string folder = test::data_folder("text/qwen3-tied-bf16");
  const TestModel m(folder);
  Parts parts(folder, m.model.config);
  parts.greedy[2] = (parts.greedy[2] + 1) % int32_t(parts.vocab);
  const ScratchFolder scratch;
  parts.write(scratch);
  const GoldenResult r = check(scratch.path(), m);
  CHECK_FALSE(r.passed());
  CHECK(r.first_divergent() == 2);
  CHECK(to_string(r).find("differ at 2 of") != std::string::npos);
  CHECK(to_json(r)["first_divergent"] == 2);
}

TEST_CASE("the worst token is named; hidden states may be missing, and that is said") {
  const std::string folder = test::data_folder("text/qwen3-tied-bf16");
  const TestModel m(folder);
  Parts parts(folder, m.model.config);
  parts.logits[size_t(5 * parts.vocab + 3)] += 1;
  const ScratchFolder scratch;
  std::vector<TensorToWrite> tensors = parts.tensors();
  tensors.pop_back();
  write_safetensors(scratch.file("expected.safetensors"), tensors);
  const GoldenResult r = check(scratch.path(), m);
  CHECK_FALSE(r.passed());
  CHECK(r.logits.worst_row == 5);
  CHECK(r.logits.max_difference == doctest::Approx(1).epsilon(1e-3));
  CHECK(r.hidden.empty());
  CHECK(to_string(r).find("skipped: the file has no hidden_states") != std::string::npos);
}

TEST_CASE("files that do not fit the model are refused, naming file and tensor") {
  const std::string folder = test::data_folder("text/qwen3-tied-bf16");
  const TestModel m(folder);
  const Parts good(folder, m.model.config);
  const ScratchFolder scratch;
  const auto refused = [&](const std::vector<TensorToWrite>& tensors, const char* words) {
    write_safetensors(scratch.file("expected.safetensors"), tensors);
    CHECK_THROWS_WITH_AS(check(scratch.path(), m), doctest::Contains(words), Error);
    CHECK_THROWS_WITH_AS(check(scratch.path(), m), doctest::Contains("expected.safetensors"),
                         Error);
  };
  CHECK_THROWS_WITH_AS(check(scratch.path(), m), doctest::Contains("expected.safetensors"), Error);
  std::vector<TensorToWrite> t = good.tensors();
  t.erase(t.begin() + 2);
  refused(t, "tensor logits is missing");
  t = good.tensors();
  t[2].info.shape = {good.vocab, good.n};
  refused(t, "tensor logits: expected F32 [");
  t = good.tensors();
  t[3].info.shape = {good.n, good.layers + 1, good.dim};
  refused(t, "tensor hidden_states");
  t = good.tensors();
  t[0].info.dtype = DType::kF32;
  refused(t, "tensor input_ids: expected I32");
  t = good.tensors();
  t[2].info.dtype = DType::kI32;
  refused(t, "tensor logits: expected F32");
  Parts bad = good;
  bad.input[1] = int32_t(good.vocab);
  refused(bad.tensors(), "tensor input_ids: expected ids from 0");
  bad = good;
  bad.hidden[5] = std::nanf("");
  refused(bad.tensors(), "tensor hidden_states: expected finite numbers");
}

TEST_CASE("a folder, a folder of folders, or neither") {
  const std::string text = test::data_folder("text");
  CHECK(golden_folders(text) == test::golden_text_folders());
  CHECK(golden_folders(text + "/qwen2-tied-bf16").size() == 1);
  const ScratchFolder empty;
  CHECK_THROWS_WITH_AS(golden_folders(empty.path()), doctest::Contains("got neither"), Error);
  CHECK_THROWS_AS(golden_folders(empty.file("none")), Error);
}
