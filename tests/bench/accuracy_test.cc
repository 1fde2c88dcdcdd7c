// Candidates against a reference over the same tokens: what is exactly equal, what is found, and
// that the figures are those of an independent computation.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "bench/accuracy/injection.h"
#include "bench/accuracy/text_section.h"
#include "tests/support/scratch.h"
#include "tests/support/test_model.h"

using namespace qwench;
using namespace qwench::bench;
using namespace qwench::test;

namespace {

const std::string kThreeLayers = data_folder("text/qwen3-sharded-bf16");
const std::string kChat = data_folder("text-chat/qwen3-chat-bf16");

/// A text of n made-up ids, one document every 10 of them.
ScoredText made_up(int64_t n, int64_t window, int64_t vocab) {
  ScoredText text;
  for (int64_t i = 0; i < n; ++i) {
    text.ids.push_back(int32_t((i * 7919 + i * i) % vocab));
    text.document.push_back(i / 10);
  }
  for (int64_t first = 0; first + 1 < n; first += window) {
    text.windows.push_back({first, std::min(window, n - first)});
    text.n_scored += text.windows.back().count - 1;
  }
  text.n_documents = (n + 9) / 10;
  return text;
}

/// Runs the configurations, the first of which is the reference.
TextReport compare(const std::vector<std::string>& configurations, ScoredText text,
                   int64_t n_generated = 0) {
  ModelOptions base;
  base.model = kThreeLayers, base.threads = 1;
  std::vector<std::unique_ptr<ConfiguredModel>> models;
  const int64_t window = text.windows.front().count;
  for (const std::string& c : configurations)
    models.push_back(std::make_unique<ConfiguredModel>(
        open_configured(parse_configuration(c, base, "test"), window, window)));
  TextSectionArgs args;
  args.n_generated = n_generated, args.emit_limit = models[0]->config().vocab;
  return compare_over_text(models, false, std::move(text), args);
}

CandidateResult with_layers(const std::vector<double>& errors) {
  CandidateResult result;
  result.name = "x";
  const float one = 1;
  for (double error : errors) {
    const float off = float(1 + error);
    result.score.layers.emplace_back();
    result.score.layers.back().add(&one, &off, 1);
  }
  return result;
}

ErrorTrace trace(const std::vector<double>& errors, double limit = 0.01) {
  return trace_error(with_layers(errors).score.layers, limit);
}

}  // namespace

TEST_CASE("the reference against itself with other threads and chunks is exactly 0 everywhere") {
  const TextReport report =
      compare({"reference:kernel=reference", "threads:kernel=reference,threads=2",
               "chunks:kernel=reference,prefill_chunk=3"},
              made_up(70, 32, 320), 8);
  REQUIRE(report.rows.size() == 2);
  for (const CandidateResult& row : report.rows) {
    REQUIRE(row.divergence);
    CHECK(row.divergence->max_kl == 0);
    CHECK(row.divergence->top1 == 1);
    CHECK(row.divergence->ln_ppl_ratio == 0);
    CHECK(row.score.logits.max_abs_error() == 0);
    REQUIRE(row.score.layers.size() == 3);
    for (const Similarity& layer : row.score.layers) {
      CHECK(layer.count() == 70 * 80);
      CHECK(layer.max_abs_error() == 0);
    }
    REQUIRE(row.generation);
    CHECK(row.generation->identical() == int64_t(row.generation->matches.size()));
    CHECK(all_pass(Tolerances().judge(row)));
  }
}

TEST_CASE("noise in layer k is found in layer k, for every k, from the layers' errors alone") {
  for (int k = 0; k < 3; ++k) {
    const TextReport report =
        compare({"reference:kernel=reference",
                 fmt::format("damaged:kv_dtype=f32,inject.layer={},inject.noise=0.05", k),
                 "whole:kv_dtype=f32"},
                made_up(96, 32, 320));
    const CandidateResult& damaged = report.rows[0];
    const ErrorTrace found = trace_error(damaged.score.layers, 0.01);
    CHECK(found.first_beyond == k);
    CHECK(found.largest_jump == k);
    CHECK(found.before < 1e-5);
    CHECK(found.after == doctest::Approx(0.05).epsilon(0.1));
    const Tolerances tolerances;
    CHECK(!all_pass(tolerances.judge(damaged)));
    const std::string said = verdict_sentence(damaged, tolerances);
    CHECK_MESSAGE(said.rfind(fmt::format("damaged: FAIL, layer {}: relative error ", k), 0) == 0,
                  said);
    CHECK(verdict_sentence(report.rows[1], tolerances).rfind("whole: PASS: no NaN or Inf, ", 0) ==
          0);
    CHECK(!report.pass(tolerances));
  }
}

TEST_CASE("a window in steps of any size gives the figures of the window in one") {
  const ScoredText text = made_up(50, 16, 320);
  ModelOptions base;
  base.model = kThreeLayers, base.threads = 1;
  std::vector<double> kl, errors;
  for (int64_t rows : {1, 5, 15, 16}) {
    const ConfiguredModel reference(
        open_configured(parse_configuration("r:kernel=reference", base, "test"), 16, rows));
    const ConfiguredModel candidate(open_configured(
        parse_configuration("c:prefill_chunk=2,inject.layer=1,inject.noise=0.1", base, "test"), 16,
        rows));
    Lockstep lockstep(reference, {{&candidate}}, rows);
    for (const Window& window : text.windows) lockstep.run(text, window);
    CHECK(lockstep.reference().tokens == 46);
    CHECK(lockstep.score(0).layers[0].count() == 50 * 80);
    kl.push_back(lockstep.score(0).divergence->summary().mean_kl);
    errors.push_back(lockstep.score(0).layers[2].relative_l2());
  }
  for (size_t i = 1; i < kl.size(); ++i) {
    CHECK(kl[i] == doctest::Approx(kl[0]).epsilon(1e-12));
    CHECK(errors[i] == doctest::Approx(errors[0]).epsilon(1e-12));
  }
}

TEST_CASE("f16 weights of a bf16 model and Eigen's matmul are far within every tolerance") {
  const TextReport report = compare({"reference:kernel=reference", "half:dtype=f16,kv_dtype=f32",
                                     "eigen:kernel.linear=eigen,kv_dtype=f32"},
                                    made_up(96, 48, 320));
  for (const CandidateResult& row : report.rows) {
    CHECK(row.divergence->max_kl < 1e-6);
    for (const Verdict& v : Tolerances().judge(row)) {
      CHECK_MESSAGE(v.pass, v.metric);
      if (!v.at_least && v.limit > 0 && v.limit < 1)
        CHECK_MESSAGE(v.value < v.limit / 100, v.metric);
    }
  }
}

TEST_CASE("injected noise depends on the position, not on the chunks, and on the seed") {
  const TextReport report = compare({"reference:inject.layer=1,inject.noise=0.1",
                                     "chunks:inject.layer=1,inject.noise=0.1,prefill_chunk=5",
                                     "seed:inject.layer=1,inject.noise=0.1,seed=2"},
                                    made_up(40, 40, 320));
  CHECK(report.rows[0].divergence->max_kl == 0);
  CHECK(report.rows[1].divergence->max_kl > 0);
  CHECK(report.rows[1].score.layers[0].max_abs_error() == 0);
}

TEST_CASE("perplexity is that of an independent computation, window by window") {
  const int64_t window = 16, vocab = 320;
  for (int64_t n : {2, 16, 17, 18, 40}) {
    const ScoredText text = made_up(n, window, vocab);
    const TestModel m(kThreeLayers, "reference");
    double nll = 0;
    int64_t scored = 0;
    for (int64_t first = 0; first < n; first += window) {
      const std::vector<int32_t> ids(text.ids.begin() + first,
                                     text.ids.begin() + std::min(n, first + window));
      const std::vector<float> logits = prompt_logits(m, ids, window);
      for (size_t i = 0; i + 1 < ids.size(); ++i, ++scored) {
        const float* row = logits.data() + i * size_t(vocab);
        double sum = 0;
        for (int64_t j = 0; j < vocab; ++j) sum += std::exp(double(row[j]));
        nll += std::log(sum) - double(row[ids[i + 1]]);
      }
    }
    const TextReport report =
        compare({"reference:kernel=reference", "again:kernel=reference"}, text);
    CHECK(report.reference.tokens == scored);
    CHECK(report.reference.perplexity() ==
          doctest::Approx(std::exp(nll / double(scored))).epsilon(1e-12));
    CHECK(report.rows[0].divergence->perplexity ==
          doctest::Approx(std::exp(nll / double(scored))).epsilon(1e-12));
    CHECK(report.rows[0].divergence->scored == scored);
  }
}

TEST_CASE("a candidate that makes NaN fails by name of the op; the others are still compared") {
  const TextReport report = compare(
      {"reference:", "broken:inject.layer=1,inject.noise=1e39", "ok:"}, made_up(60, 20, 320), 4);
  const CandidateResult &broken = report.rows[0], &ok = report.rows[1];
  CHECK(broken.score.failure.find("nonfinite") != std::string::npos);
  CHECK(!broken.generation);
  CHECK(broken.stability.nonfinite() > 0);
  CHECK(broken.stability.first_nonfinite.find("layer 2") != std::string::npos);
  const std::string said = verdict_sentence(broken, Tolerances());
  CHECK_MESSAGE(said.find("layer 1: relative error 0 -> not a number") != std::string::npos, said);
  CHECK(ok.divergence->max_kl == 0);
  CHECK(report.reference.tokens == 57);
  const OrderedJson json = to_json(report, Tolerances());
  CHECK(json["candidates"][0]["perplexity"].is_null());
  CHECK(json["candidates"][0]["pass"] == false);
  CHECK(json["candidates"][1]["pass"] == true);
}

TEST_CASE("a reference that makes NaN ends the run: there is nothing to compare with") {
  CHECK_THROWS_AS(
      compare({"reference:inject.layer=0,inject.noise=1e39", "x:"}, made_up(20, 20, 320)),
      NonfiniteError);
}

TEST_CASE("a layer that the model does not have cannot be damaged") {
  CHECK_THROWS_WITH_AS(compare({"reference:inject.layer=3,inject.noise=1"}, made_up(20, 20, 320)),
                       doctest::Contains("expected 0 to 2"), UsageError);
}

TEST_CASE("models of other sizes are compared by logits; of another vocabulary not at all") {
  const TextReport report = compare(
      {"reference:", "two:model=" + data_folder("text/qwen3-tied-bf16")}, made_up(20, 20, 320));
  CHECK(report.rows[0].score.layers.empty());
  CHECK(report.rows[0].score.layers_note.find("2 of width 64") != std::string::npos);
  CHECK(report.rows[0].divergence->count == 19);
  CHECK_THROWS_WITH_AS(compare({"reference:", "other:model=" + kChat}, made_up(20, 20, 320)),
                       doctest::Contains("vocabulary of 320, got 768"), Error);
}

TEST_CASE("models that do not fit together are refused before any is loaded") {
  ModelOptions base;
  base.model = kThreeLayers, base.threads = 1;
  std::vector<OpenedModel> opened;
  for (const char* c : {"a:", "b:dtype=f32"})
    opened.push_back(open_configured(parse_configuration(c, base, "test"), 64, 64));
  const int64_t both = opened[0].plan().total() + opened[1].plan().total();
  CHECK_NOTHROW(require_memory_together(opened, 0, both));
  CHECK_THROWS_WITH_AS(require_memory_together(opened, 0, both - 1), doctest::Contains("--dump"),
                       Error);
  CHECK_THROWS_WITH_AS(require_memory_together(opened, both, both), doctest::Contains("b "), Error);
}

TEST_CASE("the cause of an error is where much was added to little, not where it grew on") {
  CHECK(trace({1e-6, 1e-6, 0.05, 0.2, 0.3}).largest_jump == 2);
  CHECK(trace({1e-4, 1e-4, 0.05, 0.08}).largest_jump == 2);
  CHECK(trace({0.05, 0.04, 0.06}).largest_jump == 0);
  CHECK(trace({1e-6, 2e-6, 3e-6}).first_beyond == -1);
  CHECK(trace({0.005, 0.02, 0.5}).first_beyond == 1);
  CHECK(trace({}).largest_jump == -1);
  const ErrorTrace broken = trace({0.001, std::numeric_limits<double>::quiet_NaN(), 3});
  CHECK(broken.first_beyond == 1);
  CHECK(broken.largest_jump == 1);
  const std::string said = verdict_sentence(with_layers({0.02, 0.03, 3}), Tolerances());
  CHECK_MESSAGE(said.find("layer 0 is the first beyond tolerance, the error grows most in layer 2: "
                          "relative error 0.030 -> 3.000") != std::string::npos,
                said);
}

TEST_CASE("a verdict needs a figure: NaN never passes, what was not compared is not judged") {
  Tolerances tolerances;
  const auto judged = [&](const CandidateResult& c, const std::string& metric) {
    for (const Verdict& v : tolerances.judge(c))
      if (v.metric == metric) return v.pass ? 1 : 0;
    return -1;
  };
  CandidateResult none;
  CHECK(judged(none, "layer_relative_l2") == -1);
  CHECK(judged(none, "kld_mean") == -1);
  CHECK(judged(none, "nonfinite") == 1);
  CHECK(judged(with_layers({0.001, std::numeric_limits<double>::quiet_NaN()}),
               "layer_relative_l2") == 0);
  CHECK(judged(with_layers({0.009}), "layer_relative_l2") == 1);
  tolerances.set("layer_relative_l2=0.001");
  CHECK(judged(with_layers({0.009}), "layer_relative_l2") == 0);
  CHECK(judged(with_layers({0.009}), "layer_cosine") == -1);
  tolerances.set("layer_cosine=0.9");
  CHECK(judged(with_layers({0.009}), "layer_cosine") == 1);
  CHECK(judged(with_layers({-3}), "layer_cosine") == 0);
}

TEST_CASE("coarser weights have wider limits, except where the user set one") {
  Tolerances tolerances;
  CandidateResult c = with_layers({0.02});
  const auto passes = [&](WeightPrecision p) {
    c.judged_as = p;
    return all_pass(tolerances.judge(c));
  };
  CHECK_FALSE(passes(WeightPrecision::kFloat));
  CHECK(passes(WeightPrecision::k8Bit));
  CHECK(passes(WeightPrecision::kBelow8Bit));
  tolerances.set("layer_relative_l2=0.001");
  CHECK_FALSE(passes(WeightPrecision::kBelow8Bit));
}

TEST_CASE("weights are as coarse as their coarsest matrix, in the file or in memory") {
  const auto precision = [](const std::string& folder, const std::string& dtype = "") {
    ModelOptions options;
    options.model = data_folder(folder), options.dtype = dtype;
    return precision_of(*open_checkpoint(options.model, {}), options);
  };
  CHECK(precision("text/qwen3-tied-bf16") == WeightPrecision::kFloat);
  CHECK(precision("text/qwen3-tied-bf16", "q8_0") == WeightPrecision::k8Bit);
  CHECK(precision("text/qwen3-tied-bf16", "q4g") == WeightPrecision::kBelow8Bit);
  CHECK(precision("quantized/gguf-qwen3-q8_0-split") == WeightPrecision::k8Bit);
  CHECK(precision("quantized/gguf-qwen3-q8_0-split", "f32") == WeightPrecision::k8Bit);
  CHECK(precision("quantized/gguf-qwen3-q4_0", "q8_0") == WeightPrecision::kBelow8Bit);
  CHECK(precision("quantized/fp8-qwen3-block128-ragged-f32scale") == WeightPrecision::k8Bit);
  for (const char* folder : {"awq-qwen2-int4-g128", "bnb-qwen3-nf4-double", "mlx-qwen2-3bit-g32"})
    CHECK(precision(std::string("quantized/") + folder) == WeightPrecision::kBelow8Bit);
  const auto low = WeightPrecision::kBelow8Bit, eight = WeightPrecision::k8Bit;
  CHECK(judged_as(low, false) == low);
  CHECK(judged_as(low, true) == eight);
  CHECK(judged_as(eight, true) == eight);
  CHECK(judged_as(WeightPrecision::kFloat, false) == WeightPrecision::kFloat);
}

TEST_CASE("a perplexity that is better than the reference's is as far from it as a worse one") {
  Tolerances tolerances;
  for (double ln_ratio : {-0.02, 0.02, -0.005, 0.005}) {
    CandidateResult c;
    c.divergence.emplace();
    c.divergence->ln_ppl_ratio = ln_ratio;
    for (const Verdict& v : tolerances.judge(c))
      if (v.metric == "ppl_ratio") CHECK(v.pass == (std::fabs(ln_ratio) < 0.01));
  }
}

TEST_CASE(
    "a sentence shows on which side of its limit a figure is, and that both directions count") {
  CandidateResult c;
  c.name = "c";
  c.divergence.emplace();
  c.divergence->top1 = 1, c.divergence->ln_ppl_ratio = -std::log(1.009996);
  std::string said = verdict_sentence(c, Tolerances(), "511 tokens");
  CHECK_MESSAGE(said.find("c: PASS on 511 tokens: no NaN or Inf, ") == 0, said);
  CHECK_MESSAGE(said.find("top1 1.00 >= 0.99, ppl_ratio 1.009996 <= 1.01") != said.npos, said);
  c.divergence->ln_ppl_ratio = -std::log(1.0112), c.divergence->top1 = 0.98999;
  said = verdict_sentence(c, Tolerances(), "511 tokens");
  CHECK_MESSAGE(said.find("ppl_ratio 1.011 > 1.01 (deviation in either direction)") != said.npos,
                said);
  CHECK_MESSAGE(said.find("top1 0.98999 < 0.99") != said.npos, said);
}

TEST_CASE("nothing compared is no PASS, and a PASS on a part or on little says so") {
  CandidateResult c;
  c.name = "c";
  CHECK(verdict_sentence(c, Tolerances()) == "c: no verdict, nothing was compared");
  c.divergence.emplace();
  TextReport report;
  report.text.n_scored = 9205;
  c.divergence->scored = 9205;
  CHECK(report.scope(c) == "9205 tokens");
  c.divergence->scored = 511, report.interrupted = true;
  CHECK(report.scope(c) == "511 of 9205 tokens (interrupted)");
  report.text.n_scored = c.divergence->scored = 11;
  CHECK(report.scope(c) == "11 tokens, too few to see what happens to 1 in 100");
}

TEST_CASE(
    "damaged weights are told from damaged kernels, and the layer named is that of the damage") {
  const auto judged = [](const std::vector<double>& beside_reference,
                         const std::vector<double>& beside_own_weights) {
    CandidateResult c = with_layers(beside_reference);
    c.name = "c", c.judged_as = WeightPrecision::kBelow8Bit;
    c.same_weights = std::make_unique<CandidateResult>(with_layers(beside_own_weights));
    c.same_weights->judged_as = WeightPrecision::k8Bit;
    return verdict_sentence(c, Tolerances());
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  std::string said = judged({0.056, 36.9, 52.1}, {0.004, 0.009, 0.142});
  CHECK_MESSAGE(
      said.find("c: FAIL, layer 1: relative error 0.056 -> 36.900 beside the reference: of "
                "its weights, not of the kernels") == 0,
      said);
  CHECK(judged({0.05, nan}, {0.004, 0.005}).find("of its weights") != said.npos);
  for (const auto& own :
       {std::vector<double>{0.004, 0.09, 0.1}, {0.004, 5, 5.2}, {0.004, nan, nan}}) {
    said = judged({0.1, std::hypot(0.19, own[1]), std::hypot(0.19, own[2])}, own);
    CHECK_MESSAGE(said.find("beside its own weights through reference kernels") != said.npos, said);
    CHECK_MESSAGE(said.find("c: FAIL, layer 1: ") == 0, said);
  }
}

TEST_CASE("a wrong tolerance is refused with what would be right") {
  Tolerances t;
  CHECK_THROWS_WITH_AS(t.set("kld_maen=1"), doctest::Contains("did you mean kld_mean?"),
                       UsageError);
  CHECK_THROWS_WITH_AS(t.set("kld_mean"), doctest::Contains("name=value"), UsageError);
  for (const char* text :
       {"kld_mean=", "kld_mean=x", "kld_mean=-1", "kld_mean=nan", "kld_mean=inf", "kld_mean=1x"})
    CHECK_THROWS_WITH_AS(t.set(text), doctest::Contains("a number from 0 on"), UsageError);
}
