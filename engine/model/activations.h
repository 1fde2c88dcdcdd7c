// Every intermediate tensor of a forward pass of up to max_tokens tokens, allocated once.
#pragma once
#include "engine/backend/backend.h"
#include "engine/config/config.h"

namespace qwench {

class Activations {
 public:
  Activations(Backend& backend, const ModelConfig& config, int64_t tokens_capacity,
              int64_t logits_capacity);

  static int64_t bytes(const ModelConfig& config, int64_t max_tokens, int64_t max_logits);

  int64_t max_tokens = 0, max_logits = 0;
  TensorView tokens, slots, positions, sequences;  // [max_tokens] i32
  TensorView x, normed;                            // [max_tokens, dim]: residual stream, its norm
  TensorView q, context;                           // [max_tokens, q_dim]
  TensorView k, v;                                 // [max_tokens, kv_dim]
  TensorView gate, h;                              // [max_tokens, ffn_dim]
  TensorView logits;                               // [max_logits, vocab]
  TensorView ids, nonfinite;                       // [max_logits] i32

 private:
  Activations() = default;
  /// Places the tensors in the arena at `base` (null: only measures); returns its size in bytes.
  int64_t place(const ModelConfig& config, void* base);

  Buffer storage_;
};

}  // namespace qwench
