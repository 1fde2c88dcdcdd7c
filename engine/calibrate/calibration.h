// The inputs that a model's matrices meet on a text, layer after layer, with one layer of weights in
// memory at a time. A layer is fed what the layers before it, as they were quantised, make of the
// text: that is what it will see when it is used, and its rounding can make up for theirs.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "engine/calibrate/encoded_tensors.h"
#include "engine/calibrate/input_statistics.h"
#include "engine/model/transformer.h"

namespace qwench {

/// Inputs that are kept to judge by; more would cost more than they tell.
constexpr int64_t kMaxHeldOut = 512;
/// Every how many sequences one is held out.
constexpr int64_t kHoldOutEvery = 8;

struct CalibrationOptions {
  bool products = true;                   // also gather what error feedback needs
  int threads = 1;                        // for sums; the model runs on the backend's own
  std::function<void(int64_t)> progress;  // called with the sequences done; what it throws ends it
};

/// Of one layer, by the matrices that share an input.
struct LayerInputs {
  InputStatistics attention;  // q_proj, k_proj, v_proj: [dim]
  InputStatistics context;    // o_proj: [q_dim]
  InputStatistics ffn;        // gate_proj, up_proj: [dim]
  InputStatistics hidden;     // down_proj: [ffn_dim]

  LayerInputs(const ModelConfig& config, bool products);
  /// Null for a tensor that is no matrix of a layer.
  const InputStatistics* of(std::string_view tensor_name) const;
  static int64_t bytes(const ModelConfig& config, bool products);
};

class Calibration {
 public:
  /// sequences: token ids, of at most max_sequence each; two at least, so that one can be held out.
  Calibration(Backend& backend, const ModelConfig& config,
              std::vector<std::vector<int32_t>> sequences, CalibrationOptions options);

  /// Bytes of everything that it holds, one layer's f32 weights and error feedback for it included.
  static int64_t bytes(const ModelConfig& config, int64_t n_tokens, int64_t max_sequence,
                       bool products);

  /// Starts from the embedding's rows. The checkpoint has model.embed_tokens.weight.
  void embed(const Checkpoint& embedding);
  /// Inputs of a layer's matrices, from its unquantised weights. Changes nothing.
  LayerInputs gather(const Checkpoint& whole, int64_t layer);
  /// What reaches the next layer is what these weights of this layer make of it.
  void advance(const Checkpoint& encoded, int64_t layer);
  /// Inputs of the head: after the last layer, normed by model.norm.weight of the checkpoint.
  InputStatistics head_inputs(const Checkpoint& whole);

  int64_t n_tokens() const;
  /// Of these, the ones that encodings are judged by.
  int64_t n_held_out() const;

 private:
  bool is_held_out(size_t sequence) const;
  void run_layer(const Checkpoint& checkpoint, int64_t layer, LayerInputs* inputs, bool keep);
  void run_sequence(const Weights& weights, size_t sequence);
  OpObserver keep_middle();
  void normed(const std::vector<float>& x, size_t sequence, const TensorView& norm,
              InputStatistics& to);
  void take(const TensorView& rows, size_t sequence, InputStatistics& to);

  Backend& backend_;
  ModelConfig single_;  // the configuration of one layer as a model
  int64_t longest_;     // tokens of a sequence
  std::vector<std::vector<int32_t>> sequences_;
  CalibrationOptions options_;
  KvPool pool_;
  Buffer table_;
  Activations act_;
  RopeTable rope_;
  std::vector<std::vector<float>> hidden_;  // per sequence [n, dim]: the residual stream
  std::vector<float>
      middle_;  // [n, dim]: the same between the two blocks of the layer that ran last
  std::vector<float> staging_;
};

}  // namespace qwench
