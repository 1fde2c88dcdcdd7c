// Reference and candidates go through the same forward and backward with the same input, one after
// the other: at most two sets of weights or gradients are held beside the reference's gradients.
#include "bench/gradients/gradient_section.h"

#include <cmath>
#include <cstring>

#include "bench/accuracy/similarity.h"
#include "bench/gradients/finite_differences.h"
#include "bench/gradients/golden_layer.h"
#include "bench/support/table.h"
#include "engine/base/checked.h"
#include "engine/base/host_memory.h"

namespace qwench::bench {

namespace {

void check_range(const GradientArgs& a) {
  const ModelConfig& c = a.reference.config();
  if (a.layer < 0 || a.layer >= c.n_layers)
    fail_usage("layer: expected 0 to {}, got {} ({})", c.n_layers - 1, a.layer, a.reference.path());
  // One token attends to itself alone, whatever q and k are: their gradients would be zero.
  if (a.n_tokens < 2 || a.n_tokens > c.max_positions)
    fail_usage("tokens: expected 2 to {}, got {} ({})", c.max_positions, a.n_tokens,
               a.reference.path());
}

/// Every number that the layer's math reads must be the reference's own.
void check_candidate(const GradientArgs::Candidate& candidate, const Checkpoint& reference) {
  QWENCH_CHECK(candidate.checkpoint != nullptr);
  const ModelConfig &c = candidate.checkpoint->config(), &r = reference.config();
  const auto same = [&](const char* what, auto got, auto expected) {
    if (got != expected)
      fail("candidate {}: expected {} {} as in {}, got {} ({})", candidate.name, what, expected,
           reference.path(), got, candidate.checkpoint->path());
  };
  same("n_layers", c.n_layers, r.n_layers);
  same("dim", c.dim, r.dim);
  same("n_heads", c.n_heads, r.n_heads);
  same("n_kv_heads", c.n_kv_heads, r.n_kv_heads);
  same("head_dim", c.head_dim, r.head_dim);
  same("ffn_dim", c.ffn_dim, r.ffn_dim);
  same("qkv_bias", c.qkv_bias, r.qkv_bias);
  same("qk_norm", c.qk_norm, r.qk_norm);
  same("norm_eps", float(c.norm_eps), float(r.norm_eps));  // some formats store them as f32
  same("rope theta", float(c.rope.theta), float(r.rope.theta));
}

void check_memory(const GradientArgs& a) {
  constexpr std::string_view kWhat = "gradients: bytes of weights";
  constexpr int64_t kStaging = 32 << 20;  // reading a tensor, the small block
  const ModelConfig& c = a.reference.config();
  int64_t weights = 0;
  for (size_t i = 0; i < kRoles; ++i) {
    const Shape shape = shape_of(Role(i), c);
    int64_t bytes = shape.rank ? 4 : 0;
    for (int d = 0; d < shape.rank; ++d) bytes = checked_mul(bytes, shape[d], kWhat);
    weights = checked_add(weights, bytes, kWhat);
  }
  weights = checked_mul(weights, 3, kWhat);
  const int64_t activations = bound_peak_bytes(c, a.n_tokens);
  const int64_t inputs =
      checked_mul(a.n_tokens, 24 * c.dim + 8 * c.head_dim, "gradients: bytes of inputs");
  const int64_t needed =
      checked_add(checked_add(weights, activations, "gradients: bytes"),
                  checked_add(inputs, kStaging, "gradients: bytes"), "gradients: bytes");
  const int64_t available = available_memory_bytes();
  if (needed > available)
    fail(
        "memory: the gradients of a layer need {} (weights and gradients {}, activations of "
        "{} tokens {}), {} available; choose fewer tokens or a smaller model",
        format_bytes(needed), format_bytes(weights), a.n_tokens, format_bytes(activations),
        format_bytes(available));
}

bool equal_bits(const BlockGradients<float>& a, const BlockGradients<float>& b) {
  const std::vector<NamedValues<float>> left = tensors_of(a), right = tensors_of(b);
  for (size_t i = 0; i < left.size(); ++i)
    if (std::memcmp(left[i].values->data(), right[i].values->data(), left[i].values->size() * 4))
      return false;
  return true;
}

void require_finite(const BlockGradients<float>& gradients, const GradientArgs& a) {
  for (const NamedValues<float>& tensor : tensors_of(gradients))
    for (const float value : *tensor.values)
      if (!std::isfinite(value))
        fail(
            "gradients: the reference's gradient of {} is not finite (layer {} of {} as {}); its "
            "weights overflow or are damaged",
            tensor.name, a.layer, a.reference.path(), name_of(a.reference_dtype));
}

GradientRow compare(const std::string& candidate, const NamedValues<float>& got,
                    const std::vector<float>& expected) {
  Similarity similarity;
  similarity.add(expected.data(), got.values->data(), int64_t(expected.size()));
  return {candidate, std::string(got.name), similarity.cosine(), similarity.relative_l2(), false};
}

void add_golden(const std::string& path, GradientReport& report) {
  const GoldenLayer layer = read_golden_layer(path);
  const std::string file = path.substr(path.find_last_of('/') + 1);
  for (const TensorError& e : golden_errors(layer))
    report.golden.push_back({file, std::string(e.tensor), e.error, e.error <= kMaxGoldenError});
}

/// One layer under one input, for whichever weights.
class LayerRun {
 public:
  explicit LayerRun(const GradientArgs& a)
      : args_(a),
        angles_(a.reference.config(), a.n_tokens),
        x_(seeded_values(a.n_tokens * a.reference.config().dim, a.seed)),
        grad_output_(seeded_values(a.n_tokens * a.reference.config().dim, ~a.seed)) {}

  BlockRun<float> run(const BlockWeights<float>& weights, bool recompute) const {
    return run_block({args_.reference.config(), weights, angles_}, x_, grad_output_, recompute);
  }
  /// Of the reference, with and without recomputation; fills the report's part about it.
  BlockGradients<float> reference(GradientReport& report) const {
    const BlockWeights<float> weights =
        read_block_weights(args_.reference, args_.layer, args_.reference_dtype);
    BlockRun<float> kept = run(weights, false);
    const BlockRun<float> again = run(weights, true);
    report.recompute_equal = equal_bits(kept.gradients, again.gradients);
    report.kept_bytes = kept.kept_bytes, report.peak_bytes = kept.peak_bytes;
    report.kept_bytes_recompute = again.kept_bytes, report.peak_bytes_recompute = again.peak_bytes;
    require_finite(kept.gradients, args_);
    return std::move(kept.gradients);
  }

 private:
  const GradientArgs& args_;
  RopeAngles angles_;
  std::vector<float> x_, grad_output_;  // [n_tokens, dim]
};

}  // namespace

GradientReport compare_gradients(const GradientArgs& a) {
  check_range(a);
  for (const GradientArgs::Candidate& candidate : a.candidates)
    check_candidate(candidate, a.reference);
  check_memory(a);
  GradientReport report;
  report.layer = a.layer, report.n_tokens = a.n_tokens;
  report.seed = a.seed, report.min_cosine = a.min_cosine;
  report.finite_difference_error = finite_difference_error(a.seed);
  for (const std::string& path : a.golden_files) add_golden(path, report);
  const LayerRun layer(a);
  const BlockGradients<float> expected = layer.reference(report);
  for (const GradientArgs::Candidate& candidate : a.candidates) {
    const BlockRun<float> run =
        layer.run(read_block_weights(*candidate.checkpoint, a.layer, candidate.dtype), true);
    const std::vector<NamedValues<float>> got = tensors_of(run.gradients),
                                          reference = tensors_of(expected);
    for (size_t i = 0; i < got.size(); ++i) {
      report.rows.push_back(compare(candidate.name, got[i], *reference[i].values));
      GradientRow& row = report.rows.back();
      row.pass = std::isfinite(row.relative_l2) && row.cosine >= a.min_cosine;  // false for a NaN
    }
  }
  return report;
}

}  // namespace qwench::bench
