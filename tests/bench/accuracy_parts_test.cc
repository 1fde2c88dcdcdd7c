// The parts of a comparison: texts cut into windows and documents, similarity, op counters,
// continuations.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "bench/accuracy/generation.h"
#include "bench/accuracy/scored_text.h"
#include "bench/accuracy/similarity.h"
#include "tests/support/scratch.h"
#include "tests/support/test_model.h"

using namespace qwench;
using namespace qwench::bench;
using namespace qwench::test;

namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

ScoredText read(const std::string& content, int64_t window = 512, int64_t max_tokens = 0) {
  const ScratchFolder folder;
  const auto tokenizer = open_tokenizer(data_folder("text-chat/qwen3-chat-bf16"));
  return read_scored_text(folder.write("text.txt", content), *tokenizer, {window, max_tokens, 768});
}

Continuation continuation(std::vector<int32_t> ids) {
  Continuation c;
  c.prompt = {1, 2, 3};
  c.margins.resize(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) c.margins[i] = float(i) + 0.5f;
  c.ids = std::move(ids);
  return c;
}

GenerationMatch matched(std::vector<int32_t> a, std::vector<int32_t> b) {
  return compare_continuations({continuation(std::move(a))}, {continuation(std::move(b))})
      .matches[0];
}

}  // namespace

TEST_CASE("a text is its own ids, the first of each window is not scored") {
  const std::string content = "some words to be cut into windows, a few more than one";
  const auto tokenizer = open_tokenizer(data_folder("text-chat/qwen3-chat-bf16"));
  const std::vector<int32_t> ids = tokenizer->encode(content);
  const int64_t n = int64_t(ids.size());
  for (int64_t window : {int64_t(2), int64_t(3), n - 1, n, n + 1}) {
    const ScoredText text = read(content, window);
    CHECK(text.ids == ids);
    const int64_t full = n / window, rest = n % window;
    CHECK(text.n_scored == full * (window - 1) + (rest ? rest - 1 : 0));
    CHECK(int64_t(text.windows.size()) == full + (rest > 1));
    int64_t scored = 0;
    for (const Window& w : text.windows) scored += w.count - 1;
    CHECK(scored == text.n_scored);
  }
}

TEST_CASE("a last window of one token has nothing to score") {
  const ScoredText text = read("some words to be cut into windows", 4, 9);
  CHECK(text.ids.size() == 9);
  CHECK(text.windows.size() == 2);
  CHECK(text.n_scored == 6);
}

TEST_CASE("a text of fewer than two tokens is an error") {
  CHECK_THROWS_WITH_AS(read(""), doctest::Contains("got 0"), Error);
  CHECK_THROWS_WITH_AS(read("a"), doctest::Contains("got 1"), Error);
  CHECK_THROWS_WITH_AS(read("many words", 512, 1), doctest::Contains("--max-tokens 1"), Error);
  CHECK_NOTHROW(read("many words", 512, 2));
}

TEST_CASE("blank lines end a document, also those of blanks, first and last ones do not count") {
  CHECK(read("one\ntwo\nthree").n_documents == 1);
  CHECK(read("one\n\ntwo").n_documents == 2);
  CHECK(read("\n\n  one\n \t \n\n\r\ntwo\n\n").n_documents == 2);
  CHECK(read("one\n\ntwo\n\nthree\n\n\n\nfour four\n").n_documents == 4);
  CHECK(!read("one document").by_document());
}

TEST_CASE("an id belongs to the document that its first byte is in") {
  const ScoredText text = read("one two\n\nthree four");
  const auto tokenizer = open_tokenizer(data_folder("text-chat/qwen3-chat-bf16"));
  std::string bytes;
  for (size_t i = 0; i < text.ids.size(); ++i) {
    CHECK(text.document[i] == (bytes.size() >= 9 ? 1 : 0));
    bytes += tokenizer->token_bytes(text.ids[i]);
  }
  CHECK(text.document_starts().size() == 2);
}

TEST_CASE("similarity has the figures of its definition") {
  const float r[4] = {3, 0, 4, 0}, c[4] = {3, 0, 4, 1};
  Similarity s;
  s.add(r, c, 2);
  s.add(r + 2, c + 2, 2);
  CHECK(s.max_abs_error() == 1);
  CHECK(s.rms_error() == 0.5);
  CHECK(s.relative_l2() == doctest::Approx(0.2));
  CHECK(s.nmse() == doctest::Approx(0.04));
  CHECK(s.cosine() == doctest::Approx(25 / (5 * std::sqrt(26))));
}

TEST_CASE("two zero rows are alike, a zero and another row are not, NaN is kept") {
  const float zero[2] = {0, 0}, one[2] = {1, 0}, nan[2] = {kNan, 0};
  Similarity same, other, broken;
  same.add(zero, zero, 2);
  CHECK(same.cosine() == 1);
  CHECK(same.relative_l2() == 0);
  other.add(zero, one, 2);
  CHECK(std::isinf(other.relative_l2()));
  CHECK(other.cosine() == 0);
  broken.add(one, nan, 2);
  broken.add(one, zero, 2);
  CHECK(std::isnan(broken.max_abs_error()));
  CHECK(std::isnan(broken.relative_l2()));
  CHECK(to_json(broken)["cosine"].is_null());
}

TEST_CASE("op counters hold NaN, Inf, the largest finite value and where it was") {
  const TestModel m(data_folder("text/qwen2-untied-f32"));
  StabilityWatch watch;
  const OpObserver observe = watch.observer();
  float a[4] = {1, -500, kNan, 2}, b[4] = {-kInf, kNan, 3, kInf};
  observe(*m.backend, {id_of<LinearArgs>(), "k", 0, {a, DType::kF32, {4}}});
  observe(*m.backend, {id_of<LinearArgs>(), "k", 1, {b, DType::kF32, {4}}});
  observe(*m.backend, {id_of<LinearArgs>(), "other", 1, {a, DType::kF32, {2}}});
  REQUIRE(watch.seen().ranges.size() == 2);
  const OpRange& k = watch.seen().ranges[0];
  CHECK(k.nan == 2);
  CHECK(k.inf == 2);
  CHECK(k.max_abs == 500);
  CHECK(k.layer == 0);
  CHECK(k.outputs == 2);
  CHECK(k.f16_headroom() == doctest::Approx(131.008));
  CHECK(watch.seen().nonfinite() == 4);
  CHECK(watch.seen().first_nonfinite == "op linear, kernel k, layer 0");
}

TEST_CASE("every op of a forward pass is observed") {
  const TestModel m(data_folder("text/qwen2-untied-f32"), "reference");
  StabilityWatch watch;
  m.backend->observers.push_back(watch.observer());
  prompt_logits(m, {1, 2, 3}, 8);
  std::string ops;
  for (const OpRange& range : watch.seen().ranges) ops += std::string(name_of(range.op)) + " ";
  CHECK(ops == "embed rms_norm linear rope attention swiglu ");
  CHECK(watch.seen().nonfinite() == 0);
}

TEST_CASE("continuations are compared up to where they part, and by edits") {
  const GenerationMatch same = matched({1, 2, 3}, {1, 2, 3});
  CHECK(same.exact_prefix == 3);
  CHECK(!same.margin);
  CHECK(same.edit_distance == 0);
  const GenerationMatch parted = matched({1, 2, 3, 4}, {1, 2, 4, 9});
  CHECK(parted.exact_prefix == 2);
  CHECK(*parted.margin == 2.5f);
  CHECK(parted.edit_distance == 2);
  CHECK(matched({1, 2, 3, 4}, {2, 3, 4, 5}).edit_distance == 2);
  CHECK(matched({1, 2}, {3, 4}).edit_distance == 2);
}

TEST_CASE("prompts are the beginnings of documents, half of each, at most 32 tokens") {
  ScoredText text;
  for (int i = 0; i < 200; ++i) {
    text.ids.push_back(i);
    text.document.push_back(i < 1 ? 0 : i < 101 ? 1 : 2);
  }
  const auto prompts = document_prefixes(text, 5);
  REQUIRE(prompts.size() == 2);  // half of one token is none
  CHECK(prompts[0].size() == 32);
  CHECK(prompts[0][0] == 1);
  CHECK(prompts[1][0] == 101);
  CHECK(document_prefixes(text, 1).size() == 1);
}
