// Steps: prompts and single tokens of any of the sequences together, pages that come and go, what fails alone.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <random>

#include "tests/support/test_model.h"

using namespace qwench;
using namespace qwench::test;

namespace {

const std::string kFolder = "text/qwen3-tied-bf16";

/// A sequence of a schedule: its tokens, and the logits of each as it computes them alone.
struct Story {
  std::vector<int32_t> tokens;
  std::vector<float> alone;  // [tokens, vocab]
  int64_t done = 0;
};

std::vector<Story> stories(const TestModel& m, int64_t n, int64_t longest, std::mt19937& random,
                           KvDType kv) {
  std::vector<Story> all(static_cast<size_t>(n));
  const int64_t vocab = m.model.config.vocab;
  for (Story& story : all) {
    story.tokens.resize(size_t(1 + int64_t(random()) % longest));
    for (int32_t& id : story.tokens) id = int32_t(random() % uint32_t(vocab));
    SessionOptions options;
    options.capacity = longest, options.kv = kv;
    options.logit_rows = options.prefill_chunk = 32;
    Session session(m.model, options);
    const Session::OnLogits keep = [&](int64_t, int64_t count, const float* rows) {
      story.alone.insert(story.alone.end(), rows, rows + count * vocab);
    };
    session.prefill(0, story.tokens.data(), int64_t(story.tokens.size()), &keep);
  }
  return all;
}

/// Runs the stories through `places` sequences of one session: each takes part in a step or not, by chance, with
/// as many tokens as chance has it; a place whose story ends takes the next one. All logits as alone.
void run_together(const TestModel& m, std::vector<Story>& all, int64_t places, int64_t chunk,
                  KvDType kv, std::mt19937& random) {
  const int64_t vocab = m.model.config.vocab;
  SessionOptions options;
  options.n_seq = places, options.capacity = 200, options.prefill_chunk = chunk, options.kv = kv;
  options.logit_rows = 8 * places;
  Session session(m.model, options);
  std::deque<Story*> waiting;
  for (Story& story : all) waiting.push_back(&story);
  std::vector<Story*> at(size_t(places), nullptr);
  int64_t checked = 0;
  while (!waiting.empty() || std::any_of(at.begin(), at.end(), [](Story* s) { return s; })) {
    std::vector<StepItem> items;
    std::vector<std::vector<int64_t>> some(static_cast<size_t>(places));
    for (int64_t seq = 0; seq < places; ++seq) {
      Story*& story = at[size_t(seq)];
      if (!story && !waiting.empty()) {
        story = waiting.front(), waiting.pop_front();
        session.truncate(seq, 0);
      }
      if (!story || random() % 4 == 0) continue;
      const int64_t left = int64_t(story->tokens.size()) - story->done;
      StepItem item{seq, story->tokens.data() + story->done,
                    std::min<int64_t>(left, random() % 3 ? 1 : 1 + random() % 90)};
      item.logits = WantLogits(random() % 4);
      if (item.logits == WantLogits::kAll && item.n > 8) item.logits = WantLogits::kLast;
      for (int64_t i = 0; i < item.n && some[size_t(seq)].size() < 8; ++i)
        if (random() % 3 == 0) some[size_t(seq)].push_back(i);
      item.some = some[size_t(seq)].data(), item.n_some = int64_t(some[size_t(seq)].size());
      items.push_back(item);
    }
    if (items.empty()) continue;
    std::shuffle(items.begin(), items.end(), random);
    const std::vector<ItemResult> results = session.step(items.data(), int64_t(items.size()));
    for (size_t i = 0; i < items.size(); ++i) {
      Story*& story = at[size_t(items[i].sequence)];
      REQUIRE(results[i].end == ItemEnd::kDone);
      CHECK(results[i].n_rows == items[i].n_logits());
      int64_t row = results[i].first_row;
      items[i].for_each_logits(0, items[i].n, [&](int64_t t) {
        const float* expected = story->alone.data() + (story->done + t) * vocab;
        CHECK(std::equal(expected, expected + vocab, session.logits(row++)));
        ++checked;
      });
      story->done += items[i].n;
      if (story->done == int64_t(story->tokens.size())) story = nullptr;
    }
  }
  CHECK(checked > int64_t(all.size()));
  for (int64_t seq = 0; seq < places; ++seq) session.truncate(seq, 0);
  CHECK(session.pool().n_free() == session.pool().n_pages());
}

}  // namespace

TEST_CASE(
    "20 sequences in steps by chance have the bits of each alone, on any threads and chunks") {
  std::mt19937 random(7);
  for (const KvDType kv : {KvDType{DType::kF32}, KvDType{DType::kF16}, KvDType{DType::kBF16}}) {
    const TestModel one(data_folder(kFolder), invariant_kernels(), 1);
    std::vector<Story> all = stories(one, 20, 150, random, kv);
    for (const int threads : {1, 2, 3})
      for (const int64_t chunk : {1, 7, 64, 512}) {
        if (kv.dtype != DType::kF32 && (threads == 1 || chunk == 1)) continue;
        CAPTURE(name_of(kv.dtype));
        CAPTURE(threads);
        CAPTURE(chunk);
        const TestModel m(data_folder(kFolder), invariant_kernels(), threads);
        for (Story& story : all) story.done = 0;
        run_together(m, all, 6, chunk, kv, random);
      }
  }
}

TEST_CASE("rows of x in the place of tokens give the same bits, alone and beside tokens") {
  const TestModel m(data_folder(kFolder), invariant_kernels(), 2);
  const ModelConfig& c = m.model.config;
  const std::vector<int32_t> tokens = {3, 1, 4, 1, 5, 9, 2};
  const int64_t n = int64_t(tokens.size());
  const Buffer ids = m.backend->allocate(n * 4, MemoryKind::kActivations);
  const Buffer rows = m.backend->allocate(n * c.dim * 4, MemoryKind::kActivations);
  const TensorView x{rows.data(), DType::kF32, {n, c.dim}};
  m.backend->upload(ids.data(), tokens.data(), n * 4);
  Transformer(*m.backend, c, m.model.weights).embed({ids.data(), DType::kI32, {n}}, x);
  SessionOptions options;
  options.n_seq = 3, options.capacity = 64, options.prefill_chunk = 5;
  Session session(m.model, options);
  const StepItem items[] = {
      {0, tokens.data(), n}, {1, nullptr, n, WantLogits::kLast, x}, {2, tokens.data(), 2}};
  const std::vector<ItemResult> results = session.step(items, 3);
  CHECK(row_of(session, results[0].first_row, c.vocab) ==
        row_of(session, results[1].first_row, c.vocab));
  CHECK(session.state(0).tokens() == tokens);
  CHECK(session.state(1).tokens() == std::vector<int32_t>(size_t(n), SequenceState::kNoToken));
}

TEST_CASE("a shared prefix is held once, and who goes on from it does not change the others") {
  const TestModel m(data_folder(kFolder), invariant_kernels());
  const int64_t vocab = m.model.config.vocab, n = 150;
  std::vector<int32_t> prefix(size_t(n), 0);
  for (int64_t i = 0; i < n; ++i) prefix[size_t(i)] = int32_t(i * 7 % vocab);
  SessionOptions options;
  options.n_seq = 8, options.capacity = 256;
  Session session(m.model, options);
  session.prefill(0, prefix.data(), n);
  const int64_t free = session.pool().n_free();
  for (int64_t seq = 1; seq < 8; ++seq) session.copy_prefix(0, seq, n);
  CHECK(session.pool().n_free() == free);
  std::vector<int32_t> next;
  for (int32_t seq = 0; seq < 8; ++seq) next.push_back(seq + 11);
  session.decode(next.data());
  CHECK(session.pool().n_free() ==
        free - 7);  // the page that they write: one each, the last keeps it
  for (int64_t seq = 0; seq < 8; ++seq) {
    CAPTURE(seq);
    Session alone(m.model, with_capacity(256));
    alone.prefill(0, prefix.data(), n);
    alone.prefill(0, &next[size_t(seq)], 1);
    CHECK(row_of(session, seq, vocab) == row_of(alone, 0, vocab));
  }
  for (int64_t seq = 0; seq < 8; ++seq) session.truncate(seq, 0);
  CHECK(session.pool().n_free() == session.pool().n_pages());
}

TEST_CASE("a snapshot is gone back to, whatever came after it") {
  const TestModel m(data_folder(kFolder), invariant_kernels());
  const int64_t vocab = m.model.config.vocab;
  const std::vector<int32_t> prompt(100, 5), other(70, 9), tail = {1, 2, 3};
  SessionOptions options;
  options.capacity = 256, options.n_pages = 8;
  Session session(m.model, options), fresh(m.model, options);
  session.prefill(0, prompt.data(), 100);
  const SequenceState snapshot = session.snapshot(0);
  session.prefill(0, other.data(), 70);
  session.truncate(0, 20);
  session.prefill(0, other.data(), 70);
  session.restore(0, snapshot);
  CHECK(session.length(0) == 100);
  session.prefill(0, tail.data(), 3);
  fresh.prefill(0, prompt.data(), 100);
  fresh.prefill(0, tail.data(), 3);
  CHECK(row_of(session, 0, vocab) == row_of(fresh, 0, vocab));
}

TEST_CASE("a sequence that finds no page ends alone, and the others of the step go on") {
  const TestModel m(data_folder(kFolder), invariant_kernels());
  const int64_t vocab = m.model.config.vocab;
  const std::vector<int32_t> long_prompt(130, 5), short_prompt = {7, 8};
  SessionOptions options;
  options.n_seq = 3, options.capacity = 192, options.n_pages = 3;
  Session session(m.model, options), alone(m.model, with_capacity(192));
  const StepItem items[] = {
      {0, short_prompt.data(), 2}, {1, long_prompt.data(), 130}, {2, short_prompt.data(), 1}};
  const std::vector<ItemResult> results = session.step(items, 3);
  CHECK(results[0].end == ItemEnd::kDone);
  CHECK(results[1].end == ItemEnd::kNoPage);
  CHECK(results[2].end == ItemEnd::kDone);
  CHECK(session.length(0) == 2);
  CHECK(session.length(1) == 0);
  CHECK(session.length(2) == 1);
  CHECK(session.pool().n_free() == 1);
  alone.prefill(0, short_prompt.data(), 2);
  CHECK(row_of(session, results[0].first_row, vocab) == row_of(alone, 0, vocab));
  CHECK_THROWS_WITH_AS(session.prefill(1, long_prompt.data(), 130),
                       doctest::Contains("expected pages for 130 more tokens of sequence 1"),
                       Error);
  session.truncate(0, 0), session.truncate(2, 0);
  session.prefill(1, long_prompt.data(), 130);
  CHECK(session.length(1) == 130);
}

TEST_CASE("a sequence with NaN in its logits ends alone, and is as it was before the step") {
  const TestModel m(data_folder(kFolder), invariant_kernels());
  const ModelConfig& c = m.model.config;
  const std::vector<int32_t> prompt = {7, 8, 9};
  SessionOptions options;
  options.n_seq = 2, options.capacity = 64;
  Session session(m.model, options), alone(m.model, options);
  session.prefill(0, prompt.data(), 2), alone.prefill(0, prompt.data(), 2);
  const std::vector<float> bad(size_t(c.dim), std::numeric_limits<float>::quiet_NaN());
  const Buffer rows = m.backend->allocate(c.dim * 4, MemoryKind::kActivations);
  m.backend->upload(rows.data(), bad.data(), c.dim * 4);
  const StepItem items[] = {
      {1, nullptr, 1, WantLogits::kLast, {rows.data(), DType::kF32, {1, c.dim}}},
      {0, prompt.data() + 2, 1}};
  const std::vector<ItemResult> results = session.step(items, 2);
  CHECK(results[0].end == ItemEnd::kNonfinite);
  CHECK(results[1].end == ItemEnd::kDone);
  CHECK(session.length(0) == 3);
  CHECK(session.length(1) == 0);
  alone.prefill(0, prompt.data() + 2, 1);
  CHECK(row_of(session, results[1].first_row, c.vocab) == row_of(alone, 0, c.vocab));
}

TEST_CASE("an op that fails in the middle of a step leaves every sequence as it was") {
  const TestModel m(data_folder(kFolder), invariant_kernels());
  const int64_t vocab = m.model.config.vocab;
  const std::vector<int32_t> prompt(100, 5);
  SessionOptions options;
  options.n_seq = 2, options.capacity = 128, options.prefill_chunk = 64;
  Session session(m.model, options), fresh(m.model, options);
  session.prefill(0, prompt.data(), 10);
  const int64_t free = session.pool().n_free();
  int passes = 0;
  {
    const ObserverScope fails(*m.backend, [&](Backend&, const OpOutput& output) {
      if (output.op == id_of<EmbedArgs>() && ++passes == 2) throw Error("planted");
    });
    const StepItem items[] = {{0, prompt.data() + 10, 50}, {1, prompt.data(), 80}};
    CHECK_THROWS_WITH_AS(session.step(items, 2), "planted", Error);
  }
  CHECK(passes == 2);
  CHECK(session.length(0) == 10);
  CHECK(session.length(1) == 0);
  CHECK(session.pool().n_free() == free);
  session.prefill(0, prompt.data() + 10, 90), fresh.prefill(0, prompt.data(), 100);
  CHECK(row_of(session, 0, vocab) == row_of(fresh, 0, vocab));
}
