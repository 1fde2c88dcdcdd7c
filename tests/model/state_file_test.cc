// A sequence in a file: read back it goes on as if it had never stopped; what does not fit is refused by name.
#include <doctest/doctest.h>

#include <cstring>
#include <fstream>

#include "engine/base/file.h"
#include "engine/model/state_file.h"
#include "tests/support/scratch.h"
#include "tests/support/test_model.h"

using namespace qwench;
using namespace qwench::test;

namespace {

const std::string kFolder = "text/qwen3-tied-bf16";

SessionOptions options_with(KvDType kv, int64_t capacity = 256) {
  SessionOptions options;
  options.n_seq = 2, options.capacity = capacity, options.kv = kv;
  return options;
}

std::vector<int32_t> prompt_of(int64_t n) {
  std::vector<int32_t> ids;
  for (int64_t i = 0; i < n; ++i) ids.push_back(int32_t(i * 13 % 250));
  return ids;
}

void write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

}  // namespace

TEST_CASE("a saved sequence goes on with the bits that it would have had") {
  const ScratchFolder folder;
  const std::string file = folder.path() + "/state";
  for (const KvDType kv : {KvDType{DType::kF32}, KvDType{DType::kF16}, KvDType{DType::kBF16}})
    for (const int64_t n : {1, 64, 150}) {
      CAPTURE(n);
      const TestModel m(data_folder(kFolder), invariant_kernels());
      const int64_t vocab = m.model.config.vocab;
      const std::vector<int32_t> prompt = prompt_of(n), tail = {1, 2, 3};
      Session session(m.model, options_with(kv)), other(m.model, options_with(kv));
      session.prefill(0, prompt.data(), n);
      session.save(0, file);
      session.prefill(0, tail.data(), 3);
      other.prefill(1, tail.data(), 2);  // what it had is gone
      other.load(1, file);
      CHECK(other.state(1).tokens() == prompt);
      CHECK(state_tokens(file) == prompt);
      other.prefill(1, tail.data(), 3);
      CHECK(std::equal(session.logits(0), session.logits(0) + vocab, other.logits(0)));
    }
}

TEST_CASE("a state of other weights, types or sizes is refused, and the difference named") {
  const ScratchFolder folder;
  const std::string file = folder.path() + "/state";
  const TestModel m(data_folder(kFolder));
  const std::vector<int32_t> prompt = prompt_of(100);
  Session session(m.model, options_with({DType::kF16}));
  session.prefill(0, prompt.data(), 100);
  session.save(0, file);
  const auto refusal = [&](Session& other) -> std::string {
    try {
      other.load(0, file);
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  };
  const auto has = [](const std::string& text, const char* part) {
    CAPTURE(text);
    return text.find(part) != std::string::npos;
  };
  Session f32(m.model, options_with({DType::kF32})),
      shorter(m.model, options_with({DType::kF16}, 64));
  CHECK(has(refusal(f32), "keys and values: expected f32, as this run has it, got f16"));
  CHECK(has(refusal(shorter), "expected at most 64 positions, got 100; raise --ctx"));
  const TestModel quantized(data_folder(kFolder), "", 1, held_as(DType::kQ8_0));
  Session q8(quantized.model, options_with({DType::kF16}));
  CHECK(has(refusal(q8), "weights: expected q8_0"));
  TestModel turned(data_folder(kFolder));
  turned.model.config.rope.theta += 1;
  Session other_rope(turned.model, options_with({DType::kF16}));
  CHECK(has(refusal(other_rope), "RoPE: expected"));
  TestModel trained(data_folder(kFolder));
  const Vector& norm = trained.model.weights.layers[0].attn_norm;
  const float other = 0.5f;
  trained.backend->upload(norm.view.data, &other, sizeof other);
  Session other_weights(trained.model, options_with({DType::kF16}));
  CHECK(has(refusal(other_weights), "weights: expected bf16"));
  const TestModel another(data_folder("text/qwen2-tied-bf16"));
  Session other_model(another.model, options_with({DType::kF16}));
  CHECK(has(refusal(other_model), "configuration: expected"));
  Session same(m.model, options_with({DType::kF16}));
  CHECK(refusal(same) == "");
}

TEST_CASE("a damaged state is refused wherever it is damaged, and nothing of it is kept") {
  const ScratchFolder folder;
  const std::string file = folder.path() + "/state", broken = folder.path() + "/broken";
  const TestModel m(data_folder(kFolder));
  const std::vector<int32_t> prompt = prompt_of(70);
  Session session(m.model, options_with({}));
  session.prefill(0, prompt.data(), 70);
  session.save(0, file);
  const std::string whole = read_file(file, 1 << 26);
  const auto refused = [&](const std::string& bytes) {
    write(broken, bytes);
    const int64_t free = session.pool().n_free();
    CHECK_THROWS_AS(session.load(1, broken), Error);
    CHECK(session.length(1) == 0);
    CHECK(session.pool().n_free() == free);
  };
  for (const size_t size :
       {size_t(0), size_t(7), size_t(15), size_t(40), whole.size() / 2, whole.size() - 1})
    refused(whole.substr(0, size));
  refused(whole + "x");
  for (size_t at = 0; at < whole.size(); at += at < 1000 ? 1 : 997) {
    CAPTURE(at);
    std::string bytes = whole;
    bytes[at] = char(bytes[at] ^ 0x41);
    refused(bytes);
  }
  session.load(1, file);
  CHECK(session.length(1) == 70);
}
