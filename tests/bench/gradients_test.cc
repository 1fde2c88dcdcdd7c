// The backward pass of a decoder layer against the definition of a derivative, against other
// software and against itself with recomputation; then what it says about weight formats.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "bench/gradients/finite_differences.h"
#include "bench/gradients/golden_layer.h"
#include "bench/gradients/gradient_section.h"
#include "engine/base/file.h"
#include "tests/support/scratch.h"
#include "tests/support/test_model.h"

using namespace qwench;
using namespace qwench::bench;
using qwench::test::data_folder;

namespace {

constexpr int64_t kTokens = 5;

BlockRun<float> run(const SmallBlock& b, bool recompute = false) {
  return run_block(BlockArgs<float>{b.config, b.weights, b.angles}, b.input, b.grad_output,
                   recompute);
}

BlockRun<double> run_in_double(const SmallBlock& b) {
  BlockWeights<double> weights(b.config);
  for (size_t i = 0; i < kRoles; ++i)
    weights.values[i].assign(b.weights.values[i].begin(), b.weights.values[i].end());
  return run_block(BlockArgs<double>{b.config, weights, b.angles},
                   std::vector<double>(b.input.begin(), b.input.end()),
                   std::vector<double>(b.grad_output.begin(), b.grad_output.end()), false);
}

bool equal_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * 4) == 0;
}

double error_of(const std::vector<TensorError>& errors, std::string_view tensor) {
  for (const TensorError& e : errors)
    if (e.tensor == tensor) return e.error;
  FAIL("no tensor of that name");
  return 0;
}

/// A checkpoint whose first q_proj element is NaN, or one that hides that tensor.
class Damaged : public Checkpoint {
 public:
  Damaged(const Checkpoint& whole, bool hide) : whole_(whole), hide_(hide) {}
  const ModelConfig& config() const override { return whole_.config(); }
  const std::string& path() const override { return whole_.path(); }
  const std::vector<TensorInfo>& tensors() const override { return whole_.tensors(); }
  const TensorInfo* find(std::string_view name) const override {
    return hide_ && is_hit(name) ? nullptr : whole_.find(name);
  }
  void read(const TensorInfo& tensor, int64_t first, int64_t count, void* to) const override {
    whole_.read(tensor, first, count, to);
    if (is_hit(tensor.name) && first == 0) static_cast<float*>(to)[0] = NAN;
  }

 private:
  static bool is_hit(std::string_view name) {
    return name == "model.layers.0.self_attn.q_proj.weight";
  }
  const Checkpoint& whole_;
  bool hide_;
};

std::unique_ptr<Checkpoint> open_text(const std::string& folder) {
  return open_checkpoint(data_folder("text/" + folder), {});
}

GradientArgs args_for(const Checkpoint& reference, const Checkpoint& candidate, DType dtype) {
  return {reference, DType::kF32, {{"candidate", &candidate, dtype}}};
}

double worst_l2(const GradientReport& report) {
  double worst = 0;
  for (const GradientRow& row : report.rows) worst = std::max(worst, row.relative_l2);
  return worst;
}

std::string message_of(const GradientArgs& args) {
  try {
    compare_gradients(args);
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

/// What is said of a golden file in which `from` is replaced by `to` of the same length.
std::string golden_message(const std::string& from, const std::string& to) {
  std::string bytes = read_file(data_folder("gradients/qwen2-layer.safetensors"), 1 << 20);
  const size_t at = bytes.find(from);
  REQUIRE(at != std::string::npos);
  REQUIRE(from.size() == to.size());
  bytes.replace(at, from.size(), to);
  const test::ScratchFolder folder;
  try {
    read_golden_layer(folder.write("layer.safetensors", bytes));
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

}  // namespace

TEST_CASE("the backward is the derivative of the forward, for every weight and the input") {
  for (int kinds = 0; kinds < 4; ++kinds) {
    const SmallBlock block(small_block_config(kinds & 1, kinds & 2), kTokens, 7);
    const BlockGradients<double> differences = central_differences(block);
    const auto in_double = gradient_errors(run_in_double(block).gradients, differences);
    CHECK(in_double.size() == 10u + (kinds & 1 ? 3u : 0u) + (kinds & 2 ? 2u : 0u));
    for (const TensorError& e : in_double) CHECK_MESSAGE(e.error < 1e-8, e.tensor);
    for (const TensorError& e : gradient_errors(run(block).gradients, differences))
      CHECK_MESSAGE(e.error < kMaxFiniteDifferenceError, e.tensor);
  }
  CHECK(finite_difference_error(1) < kMaxFiniteDifferenceError);
}

TEST_CASE("output and gradients of a Qwen2 and a Qwen3 layer are those of other software") {
  for (const std::string file : {"qwen2-layer.safetensors", "qwen3-layer.safetensors"}) {
    const GoldenLayer layer = read_golden_layer(data_folder("gradients/" + file));
    const std::vector<TensorError> errors = golden_errors(layer);
    CHECK(errors.size() == (layer.config.qkv_bias ? 14u : 13u));
    for (const TensorError& e : errors) CHECK_MESSAGE(e.error <= kMaxGoldenError, e.tensor);
    MESSAGE(file << ": worst error " << worst(errors));
  }
}

TEST_CASE("a backward that turns back the wrong way, or not at all, is found out") {
  const SmallBlock block(small_block_config(true, true), kTokens, 7);
  const BlockGradients<double> differences = central_differences(block);
  for (const float sign : {-1.0f, 0.0f}) {
    RopeAngles wrong = block.angles;
    for (float& sin : wrong.sin) sin *= sign;
    if (sign == 0) std::fill(wrong.cos.begin(), wrong.cos.end(), 1.0f);
    ActivationMemory memory;
    std::vector<float> output(block.input.size());
    BlockTape<float> tape = block_forward({block.config, block.weights, block.angles},
                                          block.input.data(), false, output.data(), memory);
    const BlockGradients<float> mutant = block_backward(
        {block.config, block.weights, wrong}, std::move(tape), block.grad_output.data(), memory);
    const auto errors = gradient_errors(mutant, differences);
    for (const char* tensor : {"self_attn.q_proj.weight", "self_attn.k_proj.weight", "input"})
      CHECK_MESSAGE(error_of(errors, tensor) > 0.01, tensor);
    for (const char* tensor : {"self_attn.v_proj.weight", "mlp.up_proj.weight"})
      CHECK_MESSAGE(error_of(errors, tensor) < kMaxFiniteDifferenceError, tensor);
    BlockGradients<float> only_k = run(block).gradients;  // right but for k
    only_k.weights.at(Role::kWk) = mutant.weights.at(Role::kWk);
    CHECK(worst(gradient_errors(only_k, differences)) > 0.01);
  }
}

TEST_CASE("a lost residual, one wrong element and one NaN are found out") {
  const SmallBlock block(small_block_config(true, false), kTokens, 7);
  const BlockGradients<double> differences = central_differences(block);
  BlockGradients<float> mutant = run(block).gradients;
  for (size_t i = 0; i < mutant.input.size(); ++i) mutant.input[i] -= block.grad_output[i];
  CHECK(error_of(gradient_errors(mutant, differences), "input") > 0.01);
  for (size_t i = 0; i < kRoles; ++i) {
    if (block.weights.values[i].empty()) continue;
    mutant = run(block).gradients;
    float& element = mutant.weights.values[i].back();
    element += 1e-3f * (1 + std::fabs(element));
    CHECK(worst(gradient_errors(mutant, differences)) > kMaxFiniteDifferenceError);
    element = NAN;
    CHECK(std::isnan(worst(gradient_errors(mutant, differences))));
  }
}

TEST_CASE("recomputed gradients are the kept ones bit for bit, and only the input is kept") {
  for (const bool qwen3 : {false, true})
    for (const int64_t n_tokens : {1, 2, 13}) {
      const SmallBlock block(small_block_config(!qwen3, qwen3), n_tokens, 3);
      const ModelConfig& c = block.config;
      const BlockRun<float> kept = run(block), again = run(block, true);
      CHECK(equal_bits(kept.output, again.output));
      const auto left = tensors_of(kept.gradients), right = tensors_of(again.gradients);
      for (size_t i = 0; i < left.size(); ++i)
        CHECK_MESSAGE(equal_bits(*left[i].values, *right[i].values), left[i].name);
      // x, mid, two norms with their inverse rms, q, k, v, context, gate, up, h; Qwen3 also q and k
      // before their norms.
      const int64_t qk = c.q_dim() + c.kv_dim() + c.n_heads + c.n_kv_heads;
      const int64_t row = 4 * c.dim + 2 + 2 * c.q_dim() + 2 * c.kv_dim() + 3 * c.ffn_dim;
      const int64_t floats = n_tokens * (row + (qwen3 ? qk : 0)) + c.n_heads * n_tokens * n_tokens;
      CHECK(kept.kept_bytes == 4 * floats);
      CHECK(again.kept_bytes == 4 * n_tokens * c.dim);
      CHECK(again.peak_bytes < kept.peak_bytes);
      CHECK(kept.peak_bytes <= bound_peak_bytes(c, n_tokens));
    }
}

TEST_CASE("the reference as its own candidate has cosine 1; f16 is nearer to it than bf16") {
  for (const std::string folder : {"qwen2-untied-f32", "qwen3-untied-f32", "qwen2-yarn-f32"}) {
    const auto checkpoint = open_text(folder);
    const GradientReport same = compare_gradients(args_for(*checkpoint, *checkpoint, DType::kF32));
    CHECK(same.recompute_equal);
    CHECK(passed(same));
    CHECK(worst_l2(same) == 0);
    for (const GradientRow& row : same.rows) CHECK(row.cosine == doctest::Approx(1).epsilon(1e-12));
    const GradientReport f16 = compare_gradients(args_for(*checkpoint, *checkpoint, DType::kF16));
    const GradientReport bf16 = compare_gradients(args_for(*checkpoint, *checkpoint, DType::kBF16));
    CHECK(passed(f16));
    CHECK(passed(bf16));
    CHECK(worst_l2(f16) > 0);
    CHECK(worst_l2(bf16) > 2 * worst_l2(f16));
    CHECK(worst_l2(bf16) < 0.1);
    MESSAGE(folder << ": worst relative L2 f16 " << worst_l2(f16) << ", bf16 " << worst_l2(bf16));
  }
}

TEST_CASE(
    "quantised weights are compared as they are held; a 4-bit layer is further off than an 8-bit "
    "one") {
  const auto checkpoint = open_text("qwen2-untied-f32");
  const auto error = [&](DType dtype) {
    return worst_l2(compare_gradients(args_for(*checkpoint, *checkpoint, dtype)));
  };
  CHECK(error(DType::kQ8_0) > 0);
  CHECK(error(DType::kQ8_0) < 0.1);
  CHECK(error(DType::kQ4_0) > 3 * error(DType::kQ8_0));
  const auto odd = open_text("qwen2-odd-sizes-f32");
  CHECK_THROWS_WITH_AS(compare_gradients(args_for(*odd, *odd, DType::kQ4_0)),
                       doctest::Contains("whole blocks of 32"), Error);
}

TEST_CASE("a candidate with other weights fails, every layer is reached") {
  const auto checkpoint = open_text("qwen2-untied-f32");
  const ModelConfig& config = checkpoint->config();
  GradientArgs args = args_for(*checkpoint, *checkpoint, DType::kF16);
  args.layer = config.n_layers - 1;
  CHECK(passed(compare_gradients(args)));
  const auto other = open_text("qwen2-big-k-bias-f32");  // the same sizes
  const GradientReport report = compare_gradients(args_for(*checkpoint, *other, DType::kF32));
  CHECK(!passed(report));
  const OrderedJson json = to_json(report);
  CHECK(json["pass"] == false);
  CHECK(json["rows"][0]["tensor"] == "input");
  CHECK(to_string(report).find("FAIL") != std::string::npos);
}

TEST_CASE("NaN fails a candidate and refuses a reference; a missing tensor is named") {
  const auto whole = open_text("qwen2-untied-f32");
  const Damaged damaged(*whole, false), incomplete(*whole, true);
  const GradientReport report = compare_gradients(args_for(*whole, damaged, DType::kF32));
  for (const GradientRow& row : report.rows) CHECK_MESSAGE(!row.pass, row.tensor);
  CHECK(to_json(report)["rows"][0]["cosine"].is_null());
  CHECK(message_of(args_for(damaged, *whole, DType::kF32)).find("is not finite (layer 0 of ") !=
        std::string::npos);
  CHECK(message_of(args_for(*whole, incomplete, DType::kF32))
            .find("tensor model.layers.0.self_attn.q_proj.weight: missing") == 0);
}

TEST_CASE("what cannot be compared is refused with what would do") {
  const auto qwen2 = open_text("qwen2-untied-f32"), qwen3 = open_text("qwen3-untied-f32");
  GradientArgs args = args_for(*qwen2, *qwen2, DType::kF16);
  args.layer = 2;
  CHECK(message_of(args).find("layer: expected 0 to 1, got 2") == 0);
  args.layer = -1;
  CHECK_THROWS_AS(compare_gradients(args), UsageError);
  args.layer = 0, args.n_tokens = 1;
  CHECK(message_of(args).find("tokens: expected 2 to ") == 0);
  args.n_tokens = qwen2->config().max_positions + 1;
  CHECK_THROWS_AS(compare_gradients(args), UsageError);
  CHECK(message_of(args_for(*qwen2, *qwen3, DType::kF16)).find("candidate candidate: expected") ==
        0);
  const auto large = open_checkpoint("qwen2.5-72b", {});
  GradientArgs too_much = args_for(*large, *large, DType::kBF16);
  too_much.n_tokens = large->config().max_positions;
  CHECK(message_of(too_much).find("memory: the gradients of a layer need") == 0);
}

TEST_CASE("the report names every check, bound and golden tensor") {
  const auto checkpoint = open_text("qwen3-tied-bf16");
  GradientArgs args = args_for(*checkpoint, *checkpoint, DType::kF16);
  args.golden_files = {data_folder("gradients/qwen3-layer.safetensors")};
  const GradientReport report = compare_gradients(args);
  CHECK(passed(report));
  CHECK(report.rows.size() == 12);
  CHECK(report.golden.size() == 13);
  CHECK(report.kept_bytes_recompute < report.kept_bytes);
  const OrderedJson json = to_json(report);
  CHECK(json["recompute"]["kept_bytes"] == report.kept_bytes);
  CHECK(json["finite_differences"]["pass"] == true);
  CHECK(json["golden"][0]["tensor"] == "output");
  CHECK(json["n_tokens"] == 32);
  const std::string text = to_string(report);
  for (const char* part : {"central differences", "bit for bit", "kept for backward", "relative L2",
                           "self_attn.q_norm.weight", "qwen3-layer.safetensors"})
    CHECK_MESSAGE(text.find(part) != std::string::npos, part);
  CHECK(text.find("FAIL") == std::string::npos);
}

TEST_CASE("a golden file that contradicts itself is refused by name") {
  CHECK(golden_message("\"hidden_size\":\"48\"", "\"hidden_size\":\"49\"")
            .find("expected f32 [10, 49], got f32 [10, 48]") != std::string::npos);
  CHECK(golden_message("\"hidden_size\":\"48\"", "\"hidden_size\":\"-8\"").find("hidden_size") !=
        std::string::npos);
  CHECK(golden_message("\"kv_heads\":\"2\"", "\"kv_heads\":\"3\"")
            .find("kv_heads: expected a divisor of heads 4, got 3") != std::string::npos);
  CHECK(golden_message("\"intermediate_size\":\"80\"", "\"intermediate_sise\":\"80\"")
            .find("intermediate_size") != std::string::npos);
  CHECK(golden_message("grad.mlp.up_proj", "grad.mlp.uq_proj")
            .find("grad.mlp.up_proj.weight: missing") != std::string::npos);
  CHECK(golden_message("__metadata__", "__metodata__") != "no error");
}
