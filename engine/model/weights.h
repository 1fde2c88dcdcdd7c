// Tensors by role, as the Transformer names them, imported into a backend.
#pragma once
#include <functional>
#include <vector>

#include "engine/backend/backend.h"
#include "engine/base/check.h"
#include "engine/checkpoint/checkpoint.h"

namespace qwench {

/// A vector (norm weight, bias) in backend memory, always f32.
struct Vector {
  Buffer storage;
  TensorView view;  // null data when the model has none
};

struct LayerWeights {
  Vector attn_norm, ffn_norm;     // [dim]
  Weight wq, wk, wv, wo;          // [q_dim, dim], [kv_dim, dim] x 2, [dim, q_dim]
  Vector bias_q, bias_k, bias_v;  // [q_dim], [kv_dim] x 2; Qwen2
  Vector q_norm, k_norm;          // [head_dim]; Qwen3
  Weight w_gate, w_up, w_down;    // [ffn_dim, dim] x 2, [dim, ffn_dim]
};

struct Weights {
  Weight embedding;  // [vocab, dim]; also the head when tied
  std::vector<LayerWeights> layers;
  Vector final_norm;          // [dim]
  Weight head;                // [vocab, dim]; empty when tied
  DType dtype = DType::kF32;  // of the matrices

  const WeightView& head_view(bool tied) const { return tied ? embedding.view : head.view; }
};

struct LoadProgress {
  int64_t bytes_done = 0, bytes_total = 0;
};

struct LoadOptions {
  bool as_stored = true;                              // keep the matrices' own type ...
  DType dtype = DType::kBF16;                         // ... or convert them to this one
  std::function<void(const LoadProgress&)> progress;  // called after each piece; may be empty
  CancelCheck cancelled = nullptr;                    // asked before each piece
};

/// The type that a tensor has in memory: vectors f32; matrices their own or options.dtype, embedding
/// and head what embedding_dtype() makes of it.
DType held_dtype(const TensorInfo& tensor, const LoadOptions& options);

/// Bytes of a tensor in memory, rows of quantised types in whole blocks.
int64_t held_bytes(const TensorInfo& tensor, const LoadOptions& options);

/// Bytes of all tensors in memory, rows of quantised ones in whole blocks.
int64_t weight_bytes(const Checkpoint& checkpoint, const LoadOptions& options);

/// Error when embeddings are tied and a head of other values is stored beside them: programs differ in
/// which of the two they use. Reads both where there are both.
void check_tied_head(const Checkpoint& checkpoint, int threads = 1,
                     CancelCheck cancelled = nullptr);

/// Reads, checks (names, shapes, types, parameter count) and imports every tensor.
Weights load_weights(const Checkpoint& checkpoint, Backend& backend, const LoadOptions& options);

}  // namespace qwench
