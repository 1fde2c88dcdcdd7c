// The model, written once for all backends. Reads like the paper: a layer is six calls.
#pragma once
#include <functional>
#include <vector>

#include "engine/model/activations.h"
#include "engine/model/kv_cache.h"
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

/// One forward pass: n_tokens tokens (act.tokens, .slots, .positions, .sequences are filled), each of which
/// attends to the slots up to its own. Logits are computed for the tokens from first_logit on.
struct ForwardArgs {
  const ModelConfig& config;
  const Weights& weights;
  const KvCache& cache;
  const RopeTable& rope;
  Activations& act;
  int64_t n_tokens = 0;
  int64_t n_scores = 0, n_keys = 0;                     // of AttentionArgs
  int64_t first_logit = 0;                              // in [0, n_tokens]; n_tokens: no logits
  const std::vector<LayerHook>* layer_hooks = nullptr;  // called in this order after each layer
};

/// Leaves the logits in act.logits [n_tokens - first_logit, vocab].
void forward(Backend& backend, const ForwardArgs& args);

}  // namespace qwench
