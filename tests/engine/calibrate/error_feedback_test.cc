// Calibrated rounding on inputs whose structure is known: what it gains, when it must not be used,
// and that neither rows nor threads see each other.
#include "engine/calibrate/error_feedback.h"

#include <doctest/doctest.h>

#include <cstring>

#include "engine/base/check.h"
#include "engine/calibrate/matrix_encoder.h"
#include "tests/engine/formats/sample_weights.h"

using namespace qwench;
using test::Normal;

namespace {

constexpr int64_t kCols = 256, kRows = 96;

/// Inputs that move together: 32 sources mixed into every column with a little noise of its own, and
/// every 37th column 12 times as strong, as activations of language models have them.
std::vector<float> correlated_inputs(int64_t n, uint64_t seed, float outlier) {
  Normal mixing(7);
  std::vector<double> mix(size_t(32 * kCols));
  for (double& m : mix) m = mixing();
  Normal normal(seed);
  std::vector<float> rows;
  for (int64_t r = 0; r < n; ++r) {
    double source[32];
    for (double& s : source) s = normal();
    for (int64_t c = 0; c < kCols; ++c) {
      double x = normal();
      for (int64_t s = 0; s < 32; ++s) x += 0.35 * source[s] * mix[size_t(s * kCols + c)];
      rows.push_back(float(x) * (c % 37 == 5 ? outlier : 1.0f));
    }
  }
  return rows;
}

InputStatistics statistics_of(const std::vector<float>& rows, const std::vector<float>& held_out) {
  InputStatistics statistics(kCols, true, 512);
  statistics.add(rows.data(), int64_t(rows.size()) / kCols, 1);
  statistics.hold_out(held_out.data(), int64_t(held_out.size()) / kCols);
  return statistics;
}

std::vector<EncodedTensor> one_matrix(const std::vector<float>& weights) {
  std::vector<EncodedTensor> tensors(1);
  tensors[0].info = {"w", DType::kF32, {int64_t(weights.size()) / kCols, kCols}};
  tensors[0].bytes.resize(weights.size() * 4);
  std::memcpy(tensors[0].bytes.data(), weights.data(), weights.size() * 4);
  return tensors;
}

struct Result {
  TensorReport report;
  std::vector<char> bytes;
  double error(Rounding rounding) const { return report.output_error[size_t(rounding)].value(); }
};

Result encode(DType type, const std::vector<float>& weights, const KnownInputs& inputs,
              int threads = 1) {
  const std::vector<EncodedTensor> tensors = one_matrix(weights);
  const ModelConfig config;
  const EncodedTensors source(config, tensors, "memory");
  PlannedTensor plan;
  plan.from = plan.to = tensors[0].info;
  plan.to.dtype = type;
  Result result;
  EncodeOptions options;
  options.threads = threads;
  result.bytes = encode_tensor(source, plan, inputs, options, result.report).bytes;
  return result;
}

}  // namespace

TEST_CASE("feedback lowers the output error on correlated inputs with outlier channels") {
  const InputStatistics statistics =
      statistics_of(correlated_inputs(2048, 1, 12), correlated_inputs(256, 2, 12));
  const ErrorFeedback feedback(statistics);
  const std::vector<float> weights = test::sample_weights(test::Tails::kGauss, kRows * kCols, 3);
  for (const DType type : {DType::kQ4_0, DType::kQ4G}) {
    const Result r = encode(type, weights, {&statistics, &feedback});
    INFO(name_of(type), ": plain ", r.error(Rounding::kPlain), ", importance ",
         r.error(Rounding::kImportance), ", feedback ", r.error(Rounding::kFeedback));
    CHECK(r.error(Rounding::kImportance) < 0.8 * r.error(Rounding::kPlain));
    CHECK(r.error(Rounding::kFeedback) < 0.8 * r.error(Rounding::kImportance));
    CHECK(r.report.kept == Rounding::kFeedback);
  }
}

TEST_CASE(
    "where feedback has learned what is not so, the matrix falls back and the report shows it") {
  // the columns move together in the calibration text and alone in what was held out
  const std::vector<float> alone = test::sample_weights(test::Tails::kGauss, 256 * kCols, 5);
  const InputStatistics statistics = statistics_of(correlated_inputs(2048, 1, 1), alone);
  const ErrorFeedback feedback(statistics);
  const std::vector<float> weights = test::sample_weights(test::Tails::kGauss, kRows * kCols, 3);
  for (const DType type : {DType::kQ4_0, DType::kQ4G}) {
    const Result r = encode(type, weights, {&statistics, &feedback});
    CHECK(r.error(Rounding::kFeedback) > r.error(Rounding::kImportance));
    REQUIRE(r.report.kept != Rounding::kFeedback);
    const Result without = encode(type, weights, {&statistics, nullptr});
    CHECK(!without.report.output_error[size_t(Rounding::kFeedback)].has_value());
    CHECK(r.bytes == without.bytes);
  }
}

TEST_CASE("a few inputs for many columns do not make feedback trust them") {
  const std::vector<float> few = test::sample_weights(test::Tails::kGauss, 16 * kCols, 8);
  const std::vector<float> others = test::sample_weights(test::Tails::kGauss, 256 * kCols, 9);
  const InputStatistics statistics = statistics_of(few, others);
  const ErrorFeedback feedback(statistics);
  const Result r = encode(DType::kQ4G, test::sample_weights(test::Tails::kGauss, kRows * kCols, 3),
                          {&statistics, &feedback});
  CHECK(r.report.kept == Rounding::kPlain);
}

TEST_CASE("with inputs of equal strength that move alone feedback is rounding block by block") {
  InputStatistics statistics(kCols, true, 1);
  std::vector<float> unit(size_t(kCols * kCols), 0.0f);
  for (int64_t c = 0; c < kCols; ++c) unit[size_t(c * kCols + c)] = 1;
  statistics.add(unit.data(), kCols, 1);
  const ErrorFeedback feedback(statistics);
  const std::vector<float> weights = test::sample_weights(test::Tails::kStudent5, kCols, 4);
  const std::vector<float> ones(size_t(kCols), 1.0f);
  std::vector<char> expected(size_t(row_bytes(DType::kQ4_0, kCols))), got(expected.size());
  encode_row(DType::kQ4_0, weights.data(), kCols, ones.data(), expected.data());
  feedback.encode(DType::kQ4_0, weights.data(), 1, got.data());
  std::vector<float> a(weights.size()), b(weights.size());
  decode_row(DType::kQ4_0, expected.data(), kCols, a.data());
  decode_row(DType::kQ4_0, got.data(), kCols, b.data());
  CHECK(a == b);
}

TEST_CASE("a row's bytes depend on that row alone, not on its neighbours or the threads") {
  const InputStatistics statistics =
      statistics_of(correlated_inputs(512, 1, 12), correlated_inputs(64, 2, 12));
  const ErrorFeedback feedback(statistics);
  const std::vector<float> weights = test::sample_weights(test::Tails::kGauss, kRows * kCols, 6);
  for (const DType type : {DType::kQ4_0, DType::kQ4G}) {
    const size_t bytes = size_t(row_bytes(type, kCols));
    std::vector<char> together(bytes * size_t(kRows)), alone(bytes);
    feedback.encode(type, weights.data(), kRows, together.data());
    for (const size_t row : {size_t(0), size_t(63), size_t(64), size_t(kRows - 1)}) {
      feedback.encode(type, &weights[row * size_t(kCols)], 1, alone.data());
      CHECK(std::memcmp(alone.data(), &together[row * bytes], bytes) == 0);
    }
    const Result one = encode(type, weights, {&statistics, &feedback}, 1);
    const Result three = encode(type, weights, {&statistics, &feedback}, 3);
    CHECK(one.bytes == three.bytes);
    CHECK(one.error(Rounding::kFeedback) == three.error(Rounding::kFeedback));
    CHECK(one.report.source_hash == three.report.source_hash);
  }
}

TEST_CASE("columns that no input ever used and rows of zeros stay finite") {
  std::vector<float> inputs = correlated_inputs(128, 1, 12);
  for (size_t i = 0; i < inputs.size(); ++i)
    if (i % size_t(kCols) < 64) inputs[i] = 0;
  std::vector<float> weights = test::sample_weights(test::Tails::kGauss, 2 * kCols, 6);
  std::fill(weights.begin() + kCols, weights.end(), 0.0f);
  for (const bool any : {true, false}) {
    if (!any) std::fill(inputs.begin(), inputs.end(), 0.0f);
    const InputStatistics statistics = statistics_of(inputs, inputs);
    const ErrorFeedback feedback(statistics);
    for (const DType type : {DType::kQ4_0, DType::kQ4G}) {
      const Result r = encode(type, weights, {&statistics, &feedback});
      std::vector<float> decoded(weights.size());
      convert_rows(r.bytes.data(), type, decoded.data(), DType::kF32, 2, kCols);
      for (size_t i = 0; i < decoded.size(); ++i) {
        CHECK(std::isfinite(decoded[i]));
        if (i >= size_t(kCols)) CHECK(decoded[i] == 0.0f);
      }
      CHECK(r.error(Rounding::kFeedback) <= 1);
    }
  }
}

TEST_CASE("a weight that is not finite is refused by the tensor's name") {
  std::vector<float> weights(size_t(kCols), 1.0f);
  weights[7] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH_AS(encode(DType::kQ4G, weights, {}),
                       doctest::Contains("tensor w: expected finite"), Error);
}

TEST_CASE("blocks of columns cover all of them, in whole quantisation blocks of at most 1024") {
  for (const int64_t cols : {32, 56, 74, 896, 1024, 1056, 4864, 11008, 18944}) {
    int64_t next = 0;
    for (const ColumnBlock& block : column_blocks(cols)) {
      CHECK(block.first == next);
      CHECK(block.n > 0);
      CHECK(block.n <= kMaxBlockColumns);
      next += block.n;
      if (next != cols) CHECK(next % kQuantBlock == 0);
    }
    CHECK(next == cols);
  }
}

TEST_CASE("patterns of names: a star takes any text, dots too, a question mark one letter") {
  CHECK(matches_glob("layers.*.down_proj", "layers.0.mlp.down_proj"));
  CHECK(matches_glob("*", ""));
  CHECK(matches_glob("layers.?.mlp.*", "layers.3.mlp.up_proj"));
  CHECK(!matches_glob("layers.?.mlp.*", "layers.13.mlp.up_proj"));
  CHECK(!matches_glob("down_proj", "layers.0.mlp.down_proj"));
  CHECK(matches_glob("*a*ab", "aaaab"));
  CHECK(!matches_glob("", "a"));
  CHECK(short_name("model.layers.0.mlp.up_proj.weight") == "layers.0.mlp.up_proj");
  CHECK(short_name("lm_head.weight") == "lm_head");
}
