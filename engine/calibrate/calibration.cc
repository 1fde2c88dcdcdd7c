// A layer runs as a model of one layer that starts from rows of the residual stream of a sequence.
#include "engine/calibrate/calibration.h"

#include <algorithm>
#include <numeric>
#include <optional>

#include "engine/base/affix.h"
#include "engine/base/checked.h"
#include "engine/calibrate/error_feedback.h"
#include "engine/formats/format.h"

namespace qwench {

namespace {

ModelConfig single_layer(ModelConfig config) {
  config.n_layers = 1;
  config.vocab = 1;
  return config;
}

int64_t longest(const std::vector<std::vector<int32_t>>& sequences) {
  size_t n = 1;
  for (const auto& sequence : sequences) n = std::max(n, sequence.size());
  return int64_t(n);
}

/// Every sequence held out keeps its share of kMaxHeldOut: an even step through its rows.
int64_t held_out_step(int64_t n_sequences, int64_t length) {
  const int64_t held_out = std::max<int64_t>(n_sequences / kHoldOutEvery, 1) * length;
  return std::max<int64_t>(held_out / kMaxHeldOut, 1);
}

}  // namespace

LayerInputs::LayerInputs(const ModelConfig& c, bool products)
    : attention(c.dim, products && c.dim % kQuantBlock == 0, kMaxHeldOut),
      context(c.q_dim(), products && c.q_dim() % kQuantBlock == 0, kMaxHeldOut),
      ffn(c.dim, products && c.dim % kQuantBlock == 0, kMaxHeldOut),
      hidden(c.ffn_dim, products && c.ffn_dim % kQuantBlock == 0, kMaxHeldOut) {}

const InputStatistics* LayerInputs::of(std::string_view name) const {
  for (const char* end : {"q_proj.weight", "k_proj.weight", "v_proj.weight"})
    if (ends_with(name, end)) return &attention;
  if (ends_with(name, "o_proj.weight")) return &context;
  if (ends_with(name, "gate_proj.weight") || ends_with(name, "up_proj.weight")) return &ffn;
  return ends_with(name, "down_proj.weight") ? &hidden : nullptr;
}

int64_t LayerInputs::bytes(const ModelConfig& c, bool products) {
  int64_t bytes = 0;
  for (const int64_t cols : {c.dim, c.q_dim(), c.dim, c.ffn_dim})
    bytes = checked_add(bytes, InputStatistics::bytes(cols, products, kMaxHeldOut), "statistics");
  return bytes;
}

Calibration::Calibration(Backend& backend, const ModelConfig& config,
                         std::vector<std::vector<int32_t>> sequences, CalibrationOptions options)
    : backend_(backend),
      single_(single_layer(config)),
      longest_(longest(sequences)),
      sequences_(std::move(sequences)),
      options_(std::move(options)),
      pool_(backend, kv_shapes(single_, {}), kv_pages(longest_)),
      table_(backend.allocate(pool_.n_pages() * 4, MemoryKind::kActivations)),
      act_(backend, single_, longest_, 1),
      rope_(backend, single_, round_up(longest_, kKvBlock)) {
  QWENCH_CHECK(sequences_.size() >= 2);
  std::vector<int32_t> pages(size_t(pool_.n_pages()));
  std::iota(pages.begin(), pages.end(), 0);
  backend.upload(table_.data(), pages.data(), table_.bytes());
}

int64_t Calibration::bytes(const ModelConfig& config, int64_t n_tokens, int64_t max_sequence,
                           bool products) {
  const ModelConfig one = single_layer(config);
  const char* what = "calibration";
  // the weights, and beside them the largest matrix on its way in: never more than as much again
  int64_t bytes = checked_mul(2, checked_mul(4, one.parameters(), what), what);
  for (const int64_t cols : {config.dim, config.q_dim(), config.dim, config.ffn_dim})
    if (products) bytes = checked_add(bytes, ErrorFeedback::bytes(cols), what);
  for (const int64_t part :
       {checked_mul(n_tokens, config.dim * 4, what), LayerInputs::bytes(config, products),
        Activations::bytes(one, max_sequence, 1),
        KvPool::bytes(kv_shapes(one, {}), kv_pages(max_sequence)),
        checked_mul(max_sequence, (std::max(config.ffn_dim, config.q_dim()) + config.dim) * 4,
                    what)})
    bytes = checked_add(bytes, part, what);
  return bytes;
}

int64_t Calibration::n_tokens() const {
  int64_t n = 0;
  for (const auto& sequence : sequences_) n += int64_t(sequence.size());
  return n;
}

int64_t Calibration::n_held_out() const {
  const int64_t step = held_out_step(int64_t(sequences_.size()), longest_);
  int64_t n = 0;
  for (size_t s = 0; s < sequences_.size(); ++s)
    if (is_held_out(s)) n += ceil_div(int64_t(sequences_[s].size()), step);
  return std::min(n, kMaxHeldOut);
}

bool Calibration::is_held_out(size_t sequence) const {
  // the last of every eight; of fewer the last
  return int64_t(sequence) % kHoldOutEvery == kHoldOutEvery - 1 ||
         (int64_t(sequences_.size()) < kHoldOutEvery && sequence + 1 == sequences_.size());
}

void Calibration::embed(const Checkpoint& checkpoint) {
  const TensorInfo* table = checkpoint.find("model.embed_tokens.weight");
  QWENCH_CHECK(table != nullptr);
  const int64_t dim = table->cols();
  std::vector<char> row(size_t(row_bytes(table->dtype, dim)));
  hidden_.clear();
  for (const auto& sequence : sequences_) {
    hidden_.emplace_back(sequence.size() * size_t(dim));
    for (size_t i = 0; i < sequence.size(); ++i) {
      checkpoint.read(*table, int64_t(sequence[i]) * dim, dim, row.data());
      decode_row(table->dtype, row.data(), dim, &hidden_.back()[i * size_t(dim)]);
    }
  }
}

LayerInputs Calibration::gather(const Checkpoint& whole, int64_t layer) {
  LayerInputs inputs(single_, options_.products);
  run_layer(whole, layer, &inputs, false);
  return inputs;
}

void Calibration::advance(const Checkpoint& encoded, int64_t layer) {
  run_layer(encoded, layer, nullptr, true);
}

InputStatistics Calibration::head_inputs(const Checkpoint& whole) {
  const TensorInfo* info = whole.find("model.norm.weight");
  QWENCH_CHECK(info != nullptr);
  std::vector<char> stored(size_t(info->shape.count() * size_of(info->dtype)));
  whole.read(*info, 0, info->shape.count(), stored.data());
  std::vector<float> norm(static_cast<size_t>(single_.dim));
  convert(stored.data(), info->dtype, norm.data(), DType::kF32, single_.dim);
  const Buffer weights = backend_.allocate(single_.dim * 4, MemoryKind::kWeights);
  backend_.upload(weights.data(), norm.data(), single_.dim * 4);
  InputStatistics inputs(single_.dim, options_.products && single_.dim % kQuantBlock == 0,
                         kMaxHeldOut);
  for (size_t s = 0; s < sequences_.size(); ++s)
    normed(hidden_[s], s, {weights.data(), DType::kF32, {single_.dim}}, inputs);
  return inputs;
}

/// The layer over every sequence. inputs: null, or where its matrices' inputs go. keep: the residual
/// stream becomes what comes out.
void Calibration::run_layer(const Checkpoint& checkpoint, int64_t layer, LayerInputs* inputs,
                            bool keep) {
  LoadOptions load;
  load.as_stored = false;
  load.dtype = DType::kF32;  // inputs are measured free of the rounding of activations
  const Weights weights = load_weights(SingleLayer(checkpoint, layer), backend_, load);
  for (size_t s = 0; s < sequences_.size(); ++s) {
    std::vector<float>& hidden = hidden_[s];
    const int64_t n = int64_t(sequences_[s].size());
    if (inputs) normed(hidden, s, weights.layers[0].attn_norm.view, inputs->attention);
    {
      std::optional<ObserverScope> watch;
      if (inputs) watch.emplace(backend_, keep_middle());
      run_sequence(weights, s);
    }
    if (keep) backend_.download(hidden.data(), act_.x.data, int64_t(hidden.size()) * 4);
    if (inputs) {
      take(act_.context.slice(0, n), s, inputs->context);
      take(act_.h.slice(0, n), s, inputs->hidden);
      normed(middle_, s, weights.layers[0].ffn_norm.view, inputs->ffn);
    }
    if (options_.progress) options_.progress(int64_t(s) + 1);
  }
}

/// An observer of one pass: the first block ends where its output is added to x.
OpObserver Calibration::keep_middle() {
  middle_.clear();
  return [this](Backend& backend, const OpOutput& output) {
    if (output.tensor.data != act_.x.data || output.layer < 0 || !middle_.empty()) return;
    middle_.resize(size_t(output.tensor.shape.count()));
    backend.download(middle_.data(), output.tensor.data, output.tensor.bytes());
  };
}

void Calibration::run_sequence(const Weights& weights, size_t sequence) {
  const int64_t n = int64_t(sequences_[sequence].size());
  std::vector<int32_t> rows(static_cast<size_t>(n));
  std::iota(rows.begin(), rows.end(), 0);
  backend_.upload(act_.x.data, hidden_[sequence].data(), n * single_.dim * 4);
  backend_.upload(act_.slots.data, rows.data(), n * 4);
  backend_.upload(act_.positions.data, rows.data(), n * 4);
  std::fill(rows.begin(), rows.end(), 0);
  backend_.upload(act_.sequences.data, rows.data(), n * 4);
  backend_.begin(Phase::kPrefill);
  const TensorView table{table_.data(), DType::kI32, {1, pool_.n_pages()}};
  Transformer(backend_, single_, weights)
      .layers({act_, rope_, pool_, table, n, n * (n + 1) / 2, n}, 0, 1);
  backend_.end();
  if (const int64_t bad = backend_.count_nonfinite(act_.x.slice(0, n)))
    fail(
        "calibration: expected finite activations, got {} NaN or Inf in sequence {}; quantise "
        "without --calibration",
        bad, sequence);
}

/// The norm of a sequence's residual stream x [n, dim].
void Calibration::normed(const std::vector<float>& x, size_t sequence, const TensorView& norm,
                         InputStatistics& to) {
  const int64_t n = int64_t(sequences_[sequence].size());
  backend_.upload(act_.x.data, x.data(), int64_t(x.size()) * 4);
  const TensorView out = act_.normed.slice(0, n);
  backend_.run(RmsNormArgs{act_.x.slice(0, n), norm, float(single_.norm_eps), out});
  take(out, sequence, to);
}

void Calibration::take(const TensorView& rows, size_t sequence, InputStatistics& to) {
  staging_.resize(size_t(rows.shape.count()));
  backend_.download(staging_.data(), rows.data, rows.bytes());
  if (!is_held_out(sequence)) return to.add(staging_.data(), rows.rows(), options_.threads);
  const int64_t step = held_out_step(int64_t(sequences_.size()), longest_);
  for (int64_t r = 0; r < rows.rows(); r += step) to.hold_out(staging_.data() + r * rows.cols(), 1);
}

}  // namespace qwench
