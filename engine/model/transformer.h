// The model, written once for all backends. Reads like the paper: a layer is six calls.
#pragma once
#include <functional>
#include <vector>

#include "engine/model/activations.h"
#include "engine/model/kv_pool.h"
#include "engine/model/rope_table.h"
#include "engine/model/weights.h"

namespace qwench {

/// A layer has just run; its output is x. A hook may read and alter it, through the backend's download()
/// and upload().
struct LayerOutput {
  int64_t layer = 0;
  TensorView x;      // [n_tokens, dim]
  TensorView slots;  // [n_tokens] i32: which token of its sequence a row is
};
using LayerHook = std::function<void(Backend&, const LayerOutput&)>;

/// The rows of one pass: act.x, and where each of them stands in act.slots, .positions, .sequences. Each attends
/// to the slots of its sequence up to its own.
struct Pass {
  const Activations& act;
  const RopeTable& rope;
  const KvPool& pool;
  TensorView page_table;  // [n_seq, pages of a sequence] i32
  int64_t n_tokens = 0;
  int64_t n_scores = 0, n_keys = 0;               // of AttentionArgs
  const std::vector<LayerHook>* hooks = nullptr;  // called in this order after each layer
};

/// Runs within a step of the backend.
class Transformer {
 public:
  Transformer(Backend& backend, const ModelConfig& config, const Weights& weights)
      : backend_(backend), config_(config), weights_(weights) {}

  /// x[t] = the embedding of tokens[t].
  void embed(const TensorView& tokens, const TensorView& x) const;
  /// Layers [first, last) of the rows that the pass has in x, wherever they come from.
  void layers(const Pass& pass, int64_t first, int64_t last) const;
  /// logits [n, vocab] of rows of x [n, dim]; normed [n, dim] is scratch.
  void head(const TensorView& x, const TensorView& normed, const TensorView& logits) const;

 private:
  struct Rows;
  void attention_block(const Pass& pass, const Rows& rows, int64_t layer) const;
  void ffn_block(const Rows& rows, const LayerWeights& w) const;

  Backend& backend_;
  const ModelConfig& config_;
  const Weights& weights_;
};

}  // namespace qwench
