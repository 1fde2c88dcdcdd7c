// The sampler: the distributions of transformers, its edge cases, and that it is deterministic.
#include "engine/text/sampler.h"

#include <cmath>
#include <limits>

#include "tests/support/count_allocations.h"
#include "tests/text/support.h"

namespace qwench::text_test {
namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

SamplerOptions options_of(const Json& settings) {
  SamplerOptions o;
  o.temperature = settings.value("temperature", 1.0);
  o.top_k = settings.value("top_k", int64_t(0));
  o.top_p = settings.value("top_p", 1.0);
  o.min_p = settings.value("min_p", 0.0);
  o.repetition_penalty = settings.value("repetition_penalty", 1.0);
  return o;
}

std::vector<double> probabilities(const SamplerOptions& o, const std::vector<float>& logits,
                                  const std::vector<int32_t>& ids = {}, size_t n_prompt = 0) {
  return Sampler(o, int64_t(logits.size()))
      .probabilities(logits.data(), {ids.data(), ids.size(), n_prompt});
}

int32_t sample(const SamplerOptions& o, const std::vector<float>& logits) {
  return Sampler(o, int64_t(logits.size())).sample(logits.data(), {});
}

SamplerOptions with(double temperature) {
  SamplerOptions o;
  o.temperature = temperature;
  return o;
}

SamplerOptions greedy() {
  SamplerOptions o;
  o.greedy = true;
  return o;
}

TEST_CASE("every recorded distribution of transformers is matched") {
  const Json root = parse_json_file(data("sampler/sampler.json"));
  CHECK(root["cases"].size() == 15);
  for (const Json& row : root["cases"]) {
    const auto expected = row["probabilities"].get<std::vector<double>>();
    const auto got =
        probabilities(options_of(row["settings"]), row["logits"].get<std::vector<float>>(),
                      row["history"].get<std::vector<int32_t>>());
    CAPTURE(row["settings"].dump());
    REQUIRE(got.size() == expected.size());
    for (size_t i = 0; i < got.size(); ++i) {
      CHECK((got[i] == 0) == (expected[i] == 0));
      CHECK(std::abs(got[i] - expected[i]) <= 2e-6);
    }
  }
}

TEST_CASE("top-k keeps ties with the k-th, top-p of equals keeps the lower ids") {
  SamplerOptions k = with(1), p = with(1);
  k.top_k = 2;
  CHECK(probabilities(k, {3, 1, 1, 0}) == probabilities(with(1), {3, 1, 1, -kInf}));
  p.top_p = 0.5;
  CHECK(probabilities(p, {0, 0, 0, 0}) == std::vector<double>{0.5, 0.5, 0, 0});
}

TEST_CASE("repetition counts prompt and output, presence only the output, each id once") {
  SamplerOptions repetition = with(1), presence = with(1);
  repetition.repetition_penalty = 2;
  CHECK(probabilities(repetition, {2, -2, 0.5F}, {0, 0, 1, 99, -5}, 3) ==
        probabilities(with(1), {1, -4, 0.5F}));
  presence.presence_penalty = 1.5;
  CHECK(probabilities(presence, {2, 2, 0}, {0, 1, 1}, 1) == probabilities(with(1), {2, 0.5F, 0}));
}

TEST_CASE("greedy and temperature 0 are the argmax after the processors, the first of equals") {
  const std::vector<float> logits = {1, 3, 3, 2};
  const std::vector<int32_t> ids = {1, 2};
  for (SamplerOptions o : {greedy(), with(0)}) {
    CHECK(sample(o, logits) == 1);
    CHECK(Sampler(o, 4).probabilities(logits.data(), {}) == std::vector<double>{0, 1, 0, 0});
    o.repetition_penalty = 10;
    CHECK(Sampler(o, 4).sample(logits.data(), {ids.data(), 2, 2}) == 3);
    o.suppressed = {3};
    CHECK(Sampler(o, 4).sample(logits.data(), {ids.data(), 2, 2}) == 0);
  }
  CHECK(sample(greedy(), {-0.0F, 0.0F}) == 0);
}

TEST_CASE("a bias comes before the repetition penalty, as in transformers") {
  SamplerOptions o = with(1);
  o.logit_bias = {{0, -3}, {99, 5}, {-1, 5}};  // ids of no token change nothing
  o.repetition_penalty = 2;
  CHECK(probabilities(o, {1, 0}, {0}, 1) == probabilities(with(1), {-4, 0}));
}

TEST_CASE("no end comes before the minimal length: of all ids, or of the new ones") {
  SamplerOptions o = greedy();
  o.ends = {1, 2};
  const std::vector<float> logits = {0, 5, 4, 3};
  const std::vector<int32_t> ids = {0, 0, 0, 0};
  const auto after = [&](size_t size, size_t n_prompt) {
    return Sampler(o, 4).sample(logits.data(), {ids.data(), size, n_prompt});
  };
  CHECK(after(2, 2) == 1);
  o.min_new_tokens = 2;
  CHECK(after(2, 2) == 3);
  CHECK(after(3, 2) == 3);
  CHECK(after(4, 2) == 1);
  o.min_new_tokens = 0;
  o.min_length = 4;
  CHECK(after(3, 2) == 3);
  CHECK(after(4, 4) == 1);
}

TEST_CASE("a suppressed id is never drawn, and suppressing all is an Error") {
  SamplerOptions o = with(1);
  o.suppressed = {1};
  CHECK(probabilities(o, {0, 9, 0}) == std::vector<double>{0.5, 0, 0.5});
  o.suppressed = {0, 1, 2};
  CHECK_ERROR(sample(o, {0, 9, 0}), "ban every token");
}

TEST_CASE("only what is set is a processor or a draw") {
  CHECK_FALSE(greedy().draws());
  CHECK_FALSE(with(0).draws());
  CHECK(with(0.5).draws());
  SamplerOptions o = with(0.5);
  CHECK_FALSE(o.processes());
  o.ends = {1};
  CHECK_FALSE(o.processes());
  o.presence_penalty = -1;
  CHECK(o.processes());
}

TEST_CASE("N01: NaN and +inf are Errors, -inf is a banned token, and all banned is an Error") {
  for (const SamplerOptions& o : {greedy(), with(0), with(1)}) {
    CHECK_ERROR(sample(o, {0, kNan, 1}), "nan for token 1");
    CHECK_ERROR(sample(o, {kNan, kNan}), "nonfinite");
    CHECK_ERROR(sample(o, {0, kInf}), "inf for token 1");
    CHECK_ERROR(sample(o, {-kInf, -kInf}), "-inf for all 2");
    CHECK(sample(o, {-kInf, -3, -kInf}) == 1);
  }
}

TEST_CASE("N02: extreme settings are right, not undefined") {
  const std::vector<float> logits = {1, 5, 3, 5, 1e30F, 1e30F};
  const std::vector<double> both = {0, 0, 0, 0, 0.5, 0.5};
  CHECK(probabilities(with(1e-38), logits) == both);
  CHECK(probabilities(with(1e-320), logits) == both);
  for (const double p : probabilities(with(1e300), logits)) CHECK(p == doctest::Approx(1 / 6.0));
  SamplerOptions o = with(1);
  o.top_p = 0;
  CHECK(probabilities(o, {1, 2, 3, 2}) == std::vector<double>{0, 0, 1, 0});
  o = with(1);
  o.top_k = 1;
  CHECK(probabilities(o, {1, 2, 3, 2}) == std::vector<double>{0, 0, 1, 0});
  for (const int64_t off : {int64_t(0), int64_t(4), int64_t(5), INT64_MAX}) {
    o.top_k = off;
    CHECK(probabilities(o, {1, 2, 3, 2}) == probabilities(with(1), {1, 2, 3, 2}));
  }
  o = with(1);
  o.min_p = 1;
  CHECK(probabilities(o, {3, 2, 3}) == std::vector<double>{0.5, 0, 0.5});
}

TEST_CASE("N02: an option out of range is a UsageError") {
  const auto refuse = [](void (*change)(SamplerOptions&)) {
    SamplerOptions o;
    change(o);
    CHECK_THROWS_AS(Sampler(o, 4), UsageError);
  };
  refuse([](SamplerOptions& o) { o.temperature = -1; });
  refuse([](SamplerOptions& o) { o.temperature = double(kNan); });
  refuse([](SamplerOptions& o) { o.temperature = double(kInf); });
  refuse([](SamplerOptions& o) { o.top_p = 1.01; });
  refuse([](SamplerOptions& o) { o.top_p = -0.1; });
  refuse([](SamplerOptions& o) { o.min_p = 1.5; });
  refuse([](SamplerOptions& o) { o.repetition_penalty = 0; });
  refuse([](SamplerOptions& o) { o.presence_penalty = double(kNan); });
  refuse([](SamplerOptions& o) { o.top_k = -1; });
  refuse([](SamplerOptions& o) { o.logit_bias = {{0, double(kInf)}}; });
  refuse([](SamplerOptions& o) { o.logit_bias = {{0, double(kNan)}}; });
}

TEST_CASE("padding rows past the vocabulary are neither emitted nor looked at") {
  const std::vector<float> logits = {0, 1, 100, kNan};
  CHECK(Sampler(greedy(), 2).sample(logits.data(), {}) == 1);
  CHECK(Sampler(with(1), 2).probabilities(logits.data(), {}).size() == 2);
}

TEST_CASE("random numbers are Philox4x32-10 by seed and position") {
  // First words of the known answers in Random123's kat_vectors.
  CHECK(uniform_at(0, 0) == double((uint64_t(0x6627e8d5) << 32 | 0xe169c58d) >> 11) * 0x1p-53);
  CHECK(uniform_at(1, 0) != uniform_at(0, 0));
  CHECK(uniform_at(0, uint64_t(1) << 32) != uniform_at(0, 0));
}

TEST_CASE("what is sampled depends on seed and position alone, and follows the distribution") {
  SamplerOptions o;
  o.seed = 7;
  const std::vector<float> logits = {std::log(0.1F), std::log(0.2F), std::log(0.7F)};
  Sampler a(o, 3), b(o, 3);
  b.sample(logits.data(), {});
  const std::vector<int32_t> ids(20000, 0);
  double counts[3] = {};
  for (size_t n = 0; n < ids.size(); ++n) {
    const int32_t id = a.sample(logits.data(), {ids.data(), n, 0});
    if (n % 100 == 0) CHECK(b.sample(logits.data(), {ids.data(), n, 0}) == id);
    counts[id] += 1.0 / double(ids.size());
  }
  CHECK(counts[0] == doctest::Approx(0.1).epsilon(0.1));
  CHECK(counts[1] == doctest::Approx(0.2).epsilon(0.1));
  CHECK(counts[2] == doctest::Approx(0.7).epsilon(0.1));
}

TEST_CASE("sampling allocates nothing") {
  SamplerOptions o = with(0.7);
  o.top_k = 20;
  o.top_p = 0.9;
  o.min_p = 0.01;
  o.repetition_penalty = 1.1;
  o.presence_penalty = 0.5;
  o.logit_bias = {{3, 1}};
  o.min_new_tokens = 2;
  o.ends = {5};
  std::vector<float> logits(1000);
  for (size_t i = 0; i < logits.size(); ++i) logits[i] = float(i % 37) * 0.3F;
  const std::vector<int32_t> ids = {1, 2, 3, 4};
  Sampler sampler(o, 1000);
  const int64_t before = test::allocations();
  int32_t sum = 0;
  for (int i = 0; i < 100; ++i) sum += sampler.sample(logits.data(), {ids.data(), ids.size(), 2});
  const int64_t after = test::allocations();
  CHECK(after == before);
  CHECK(sum >= 0);
}

TEST_CASE("generation_config.json gives the sampling defaults and the ids to stop at") {
  const GenerationConfig chat = read_generation_config(data("text-chat/qwen3-chat-bf16"));
  CHECK_FALSE(chat.sampling.greedy);
  CHECK(chat.sampling.temperature == 0.6);
  CHECK(chat.sampling.top_k == 20);
  CHECK(chat.sampling.top_p == 0.95);
  CHECK(chat.eos_ids == std::vector<int32_t>{665, 663});
  const ScratchFolder folder;
  CHECK(read_generation_config(folder.path()).eos_ids.empty());
  CHECK(read_generation_config(folder.path()).sampling.greedy);  // no file: as transformers
  const auto read = [&](const std::string& text) {
    folder.write("generation_config.json", text);
    return read_generation_config(folder.path());
  };
  CHECK(read(R"({"do_sample": false, "eos_token_id": 5})").sampling.greedy);
  CHECK(read(R"({"eos_token_id": 5})").eos_ids == std::vector<int32_t>{5});
  CHECK_ERROR(read(R"({"eos_token_id": -1})"), "eos_token_id: expected token ids");
  CHECK_ERROR(read(R"({"eos_token_id": "5"})"), "eos_token_id: expected token ids");
  CHECK_ERROR(read(R"({"temperature": -1})"), "temperature: expected a number from 0, got -1");
  CHECK_ERROR(read(R"({"top_k": 1.5})"), "top_k");
  CHECK_ERROR(read("[]"), "expected an object");
}

TEST_CASE("every processor that generation_config.json names is honoured, sampled or not") {
  const ScratchFolder folder;
  const auto read = [&](const std::string& text) {
    folder.write("generation_config.json", text);
    return read_generation_config(folder.path());
  };
  const GenerationConfig config = read(R"({
    "do_sample": false, "repetition_penalty": 1.3, "presence_penalty": 0.5, "min_length": 9,
    "min_new_tokens": 4, "sequence_bias": [[[7], -2.5], [[8], 1]], "suppress_tokens": [1, 2],
    "bad_words_ids": [[3], [4]], "stop_strings": "User:"})");
  const SamplerOptions& o = config.sampling;
  CHECK(o.greedy);
  CHECK(o.processes());
  CHECK(o.repetition_penalty == 1.3);
  CHECK(o.presence_penalty == 0.5);
  CHECK(o.min_length == 9);
  CHECK(o.min_new_tokens == 4);
  REQUIRE(o.logit_bias.size() == 2);
  CHECK(o.logit_bias[0].id == 7);
  CHECK(o.logit_bias[0].bias == -2.5);
  CHECK(o.suppressed == std::vector<int32_t>{1, 2, 3, 4});
  CHECK(config.stop_strings == std::vector<std::string>{"User:"});
  CHECK(config.not_honoured.empty());
  CHECK(read(R"({"stop_strings": ["a", "b"]})").stop_strings.size() == 2);
  CHECK_ERROR(read(R"({"stop_strings": [""]})"), "stop_strings: expected texts");
  CHECK_ERROR(read(R"({"min_length": -1})"), "min_length");
  CHECK_ERROR(read(R"({"sequence_bias": [[[7]]]})"), "expected [[id], bias]");
  CHECK_ERROR(read(R"({"sequence_bias": [[[7], 1e31]]})"), "from -1e30 to 1e30");
  CHECK_ERROR(read(R"({"suppress_tokens": ["a"]})"), "suppress_tokens: expected token ids");
  CHECK_ERROR(read(R"({"bad_words_ids": 3})"), "bad_words_ids: expected a list");
}

TEST_CASE("keys that ask for what is not done are named, those that ask for nothing are not") {
  const ScratchFolder folder;
  const auto named = [&](const std::string& text) {
    folder.write("generation_config.json", text);
    return read_generation_config(folder.path()).not_honoured;
  };
  using Names = std::vector<std::string>;
  CHECK(named(R"({"num_beams": 4, "no_repeat_ngram_size": 3})") ==
        Names{"no_repeat_ngram_size", "num_beams"});
  CHECK(
      named(R"({"num_beams": 1, "no_repeat_ngram_size": 0, "typical_p": 1.0, "watermarking_config":
        null, "renormalize_logits": false, "forced_eos_token_id": null})")
          .empty());
  CHECK(named(R"({"max_new_tokens": 512, "pad_token_id": 3, "transformers_version": "4.37.0",
        "_from_model_config": true, "use_cache": true, "length_penalty": 2.0})")
            .empty());
  CHECK(named(R"({"invented_penalty": 2})") == Names{"invented_penalty"});
  CHECK(named(R"({"bad_words_ids": [[1, 2], [3]]})") ==
        Names{"bad_words_ids of more than one token"});
  CHECK(named(R"({"sequence_bias": [[[1, 2], 1.0]]})") ==
        Names{"sequence_bias of more than one token"});
}

}  // namespace
}  // namespace qwench::text_test
