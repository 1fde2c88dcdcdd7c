// A model is immutable; a session is one or more sequences that run through it, with their keys
// and values, lengths and logits.
#pragma once
#include <functional>
#include <vector>

#include "engine/model/transformer.h"

namespace qwench {

struct Model {
  ModelConfig config;
  Weights weights;
  Backend* backend = nullptr;          // not owned; outlives the model
  std::vector<LayerHook> layer_hooks;  // of every session, before the session's own
};

struct SessionOptions {
  int64_t n_seq = 1;
  int64_t capacity = 0;  // positions per sequence; rounded up to whole KV blocks
  DType kv_dtype = DType::kF32;
  int64_t prefill_chunk = 512;  // tokens per forward pass
  int64_t logit_rows = 0;       // logits kept per forward pass; 0: one per sequence
  CancelCheck cancelled =
      nullptr;  // asked before every pass; lengths are then those of the passes done
};

/// What a session will allocate, in bytes. Activations include the host's copy of the logits.
struct MemoryPlan {
  int64_t weights = 0, kv_cache = 0, activations = 0;
  int64_t total() const { return weights + kv_cache + activations; }
};
/// `weights`: bytes, as weight_bytes() has them.
MemoryPlan plan_memory(const ModelConfig& config, int64_t weights, const SessionOptions& options);

/// Error with the bytes needed, the bytes there are and the largest context that fits, when the
/// plan exceeds `available` bytes.
void require_memory(const ModelConfig& config, int64_t weights, const SessionOptions& options,
                    int64_t available);

class Session {
 public:
  /// Allocates everything a run needs: no heap or backend allocation happens after this.
  Session(const Model& model, const SessionOptions& options);

  int64_t length(int64_t seq) const { return lengths_[size_t(seq)]; }
  int64_t capacity() const { return capacity_; }
  int64_t n_seq() const { return int64_t(lengths_.size()); }

  /// Calls the hook after every layer of every pass from now on, after the hooks added before.
  void add_layer_hook(LayerHook hook) { layer_hooks_.push_back(std::move(hook)); }

  /// Called after each forward pass with logits [n, vocab] of the tokens from index `first` on.
  using OnLogits = std::function<void(int64_t first, int64_t n, const float* logits)>;

  /// Appends n tokens to a sequence. Afterwards logits(0) are those of the last token; with
  /// `on_logits` the logits of every token are computed and handed over chunk by chunk.
  /// UsageError on a token id out of range; Error when the capacity would be exceeded; Cancelled.
  void prefill(int64_t seq, const int32_t* tokens, int64_t n, const OnLogits* on_logits = nullptr);

  /// Appends one token to each of the sequences 0..n_seq-1; logits(i) are those of sequence i. Cancelled.
  void decode(const int32_t* tokens);

  /// Logits [vocab] in host memory, valid until the next call. Finite, or the call threw a
  /// NonfiniteError.
  const float* logits(int64_t row) const;
  /// Arg max of logits(row) over the ids that the tokenizer knows (`limit`).
  int32_t argmax(int64_t row, int64_t limit);

  /// Forgets the positions from n on.
  void truncate(int64_t seq, int64_t n);
  /// Makes sequence `to` a copy of the first n positions of sequence `from`.
  void copy_prefix(int64_t from, int64_t to, int64_t n);

 private:
  void require_tokens(const int32_t* tokens, int64_t n) const;
  void require_room(int64_t seq, int64_t n) const;
  void forward(Phase phase, int64_t n_tokens, int64_t first_logit);
  void move_logits_to_front(int64_t row);

  const Model& model_;
  int64_t capacity_;
  KvCache cache_;
  Activations act_;
  RopeTable rope_;
  std::vector<int64_t> lengths_;
  int64_t logit_rows_;
  int64_t prefill_chunk_;
  CancelCheck cancelled_;
  std::vector<LayerHook> layer_hooks_;
  std::vector<int32_t> host_tokens_, host_slots_, host_sequences_;  // [max tokens of a pass]
  int64_t n_logits_ = 0;                    // rows of logits that the last pass left
  mutable bool on_host_ = false;            // host_logits_ holds them: fetched when first asked for
  mutable std::vector<float> host_logits_;  // [logit_rows, vocab]
};

}  // namespace qwench
