// Several sequences, truncation, prefixes, limits and refusals of a session.
#include <doctest/doctest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "tests/support/backends.h"
#include "tests/support/count_allocations.h"
#include "tests/support/test_model.h"

using namespace qwench;
using namespace qwench::test;

namespace {

const std::string kFolder = "text/qwen3-tied-bf16";

/// Prompts of several lengths, then two steps together: each sequence's logits as if it were alone.
void check_batch(const TestModel& m, int64_t batch) {
  const int64_t vocab = m.model.config.vocab;
  const std::vector<int32_t> prompts[] = {{5, 9, 200, 31}, {7}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}};
  Session together(m.model, with_capacity(32, batch));
  for (int64_t s = 0; s < batch; ++s)
    together.prefill(s, prompts[s % 3].data(), int64_t(prompts[s % 3].size()));
  const std::vector<int32_t> next(size_t(batch), 42);
  together.decode(next.data());
  together.decode(next.data());
  for (int64_t s = 0; s < batch; ++s) {
    CAPTURE(s);
    Session alone(m.model, with_capacity(32));
    alone.prefill(0, prompts[s % 3].data(), int64_t(prompts[s % 3].size()));
    alone.decode(next.data());
    alone.decode(next.data());
    CHECK(row_of(together, s, vocab) == row_of(alone, 0, vocab));
  }
}

}  // namespace

TEST_CASE("a sequence's logits do not depend on the sequences beside it, whatever the type") {
  const std::string kernels = invariant_kernels();
  for (DType dtype : {DType::kBF16, DType::kQ8_0, DType::kQ4_0, DType::kQ4G})
    for (int64_t batch : {2, 4, 8, 16}) {
      CAPTURE(name_of(dtype));
      CAPTURE(batch);
      check_batch(TestModel(data_folder(kFolder), kernels, 2, held_as(dtype)), batch);
    }
}

TEST_CASE("truncating and going on equals a fresh start") {
  const TestModel m(data_folder(kFolder), invariant_kernels());
  const std::vector<int32_t> first = {3, 1, 4, 1, 5, 9, 2, 6}, other = {2, 7};
  Session session(m.model, with_capacity(128)), fresh(m.model, with_capacity(128));
  session.prefill(0, first.data(), 8);
  session.truncate(0, 3);
  session.prefill(0, other.data(), 2);
  std::vector<int32_t> joined(first.begin(), first.begin() + 3);
  joined.insert(joined.end(), other.begin(), other.end());
  fresh.prefill(0, joined.data(), 5);
  CHECK(row_of(session, 0, m.model.config.vocab) == row_of(fresh, 0, m.model.config.vocab));
}

TEST_CASE("a copied prefix serves another sequence") {
  const TestModel m(data_folder(kFolder), invariant_kernels());
  const std::vector<int32_t> prompt = {3, 1, 4, 1, 5}, tail = {9};
  Session session(m.model, with_capacity(80, 2)), fresh(m.model, with_capacity(80));
  session.prefill(0, prompt.data(), 5);
  session.copy_prefix(0, 1, 5);
  session.prefill(1, tail.data(), 1);
  fresh.prefill(0, prompt.data(), 5);
  fresh.prefill(0, tail.data(), 1);
  CHECK(row_of(session, 0, m.model.config.vocab) == row_of(fresh, 0, m.model.config.vocab));
}

TEST_CASE("a step counts each key in the cache once, in prefill and of every sequence in decode") {
  const TestModel m(data_folder(kFolder));
  const SessionOptions options = with_capacity(64, 2);
  Session session(m.model, options);
  Profiler profiler;
  m.backend->profiler = &profiler;
  const std::vector<int32_t> tokens = {1, 2, 3, 4, 5};
  session.prefill(0, tokens.data(), 5);
  session.prefill(1, tokens.data(), 3);
  session.decode(tokens.data());
  m.backend->profiler = nullptr;
  const ModelConfig& c = m.model.config;
  const auto attention = [&](Phase phase) {
    for (const OpRecord& r : profiler.records(phase))
      if (r.op == AttentionArgs::kName) return r.cost;
    return OpCost{};
  };
  const int64_t key = 2 * c.kv_dim() * size_of(options.kv.dtype), row = 2 * c.q_dim() * 4;
  CHECK(attention(Phase::kPrefill).bytes == c.n_layers * ((5 + 3) * key + (5 + 3) * row));
  CHECK(attention(Phase::kPrefill).flops == c.n_layers * 4 * (15 + 6) * c.q_dim());
  CHECK(attention(Phase::kDecode).bytes == c.n_layers * ((6 + 4) * key + 2 * row));
  CHECK(attention(Phase::kDecode).flops == c.n_layers * 4 * (6 + 4) * c.q_dim());
}

TEST_CASE("decoding a token allocates nothing") {
  if (is_strict()) {
    MESSAGE("skipped: the strict backend's queue allocates");
    return;
  }
  const TestModel m(data_folder(kFolder), "", 2);
  Session session(m.model, with_capacity(64));
  Profiler profiler;
  m.backend->profiler = &profiler;
  int32_t token = 5;
  session.prefill(0, &token, 1);
  session.decode(&token);
  const int64_t before = allocations();
  for (int i = 0; i < 20; ++i) {
    session.decode(&token);
    token = session.argmax(0, m.model.config.vocab);
  }
  CHECK(allocations() == before);
  CHECK(allocations() > 0);  // the counter counts
  m.backend->profiler = nullptr;
}

TEST_CASE("token ids out of range and contexts that do not fit are refused") {
  const TestModel m(data_folder(kFolder));
  Session session(m.model, with_capacity(4));
  const std::vector<int32_t> bad = {1, -1}, large = {int32_t(m.model.config.vocab)},
                             five = {1, 2, 3, 4, 5};
  CHECK_THROWS_WITH_AS(session.prefill(0, bad.data(), 2), doctest::Contains("token id -1"),
                       UsageError);
  CHECK_THROWS_AS(session.prefill(0, large.data(), 1), UsageError);
  CHECK_THROWS_WITH_AS(session.prefill(0, five.data(), 5), doctest::Contains("do not fit"), Error);
  CHECK(session.length(0) == 0);
  session.prefill(0, five.data(), 4);
  CHECK_THROWS_AS(session.decode(five.data()), Error);
}

TEST_CASE("a memory plan is what a session allocates, the host's logits and tokens included") {
  const TestModel m(data_folder(kFolder));
  SessionOptions options = with_capacity(100, 2);
  options.prefill_chunk = options.logit_rows = 17;
  const Session session(m.model, options);
  const MemoryPlan plan = plan_memory(m.model.config, 0, options);
  const auto& now = m.backend->memory().now;
  CHECK(plan.kv_cache == now[size_t(MemoryKind::kKvCache)]);
  CHECK(plan.activations == now[size_t(MemoryKind::kActivations)] +
                                17 * m.model.config.vocab * int64_t(sizeof(float)) +
                                2 * 100 * int64_t(sizeof(int32_t)));
}

TEST_CASE("a memory plan over the limit names the largest context that fits, and that one fits") {
  const auto checkpoint = open_checkpoint(data_folder(kFolder), {});
  const ModelConfig& config = checkpoint->config();
  const int64_t weights = weight_bytes(*checkpoint, {});
  SessionOptions options = with_capacity(1 << 20);
  const int64_t available = 64 << 20;
  std::string message;
  try {
    require_memory(config, weights, options, available);
  } catch (const Error& error) {
    message = error.what();
  }
  const size_t at = message.find("largest context that fits is ");
  REQUIRE(at != std::string::npos);
  options.capacity = std::stoll(message.substr(at + 29));
  CHECK_NOTHROW(require_memory(config, weights, options, available));
  options.capacity += kKvBlock;
  CHECK_THROWS_AS(require_memory(config, weights, options, available), Error);
  options.capacity = 1;
  CHECK_THROWS_WITH_AS(require_memory(config, weights, options, 1000),
                       doctest::Contains("no context fits"), Error);
}

TEST_CASE("NaN becomes an error that names the first op that made it") {
  const TestModel m(data_folder(kFolder));
  const float bad = std::numeric_limits<float>::quiet_NaN();
  m.backend->upload(m.model.weights.layers[1].ffn_norm.view.as<float>() + 3, &bad, sizeof bad);
  Session session(m.model, with_capacity(4));
  const int32_t token = 1;
  CHECK_THROWS_WITH_AS(session.prefill(0, &token, 1), doctest::Contains("--check-finite"), Error);
  session.truncate(0, 0);
  m.backend->observers.push_back(require_finite);
  const char* first =
      m.backend->describe().has("avx2") ? "(op norm_gate_up, kernel " : "(op rms_norm, kernel ";
  CHECK_THROWS_WITH_AS(session.prefill(0, &token, 1), doctest::Contains(first), Error);
  session.truncate(0, 0);
  CHECK_THROWS_WITH_AS(session.prefill(0, &token, 1), doctest::Contains(", layer 1)"), Error);
}

TEST_CASE("argmax takes the first of equal logits and nothing from the limit on") {
  const TestModel m(data_folder(kFolder));
  float logits[6] = {1, 3, 3, 2, 9, 8};
  int32_t id = -1, nonfinite = -1;
  m.backend->run(ArgmaxArgs{
      {logits, DType::kF32, {1, 6}}, {&id, DType::kI32, {1}}, {&nonfinite, DType::kI32, {1}}, 4});
  CHECK(id == 1);
}
