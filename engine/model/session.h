// A model is immutable; a session is one or more sequences that run through it in steps. What takes part in a
// step is up to the caller: prompts and single tokens, of any of the sequences.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "engine/model/sequence_state.h"
#include "engine/model/session_options.h"
#include "engine/model/step.h"
#include "engine/model/transformer.h"

namespace qwench {

struct Model {
  ModelConfig config;
  Weights weights;
  Backend* backend = nullptr;          // not owned; outlives the model
  std::vector<LayerHook> layer_hooks;  // of every session, before the session's own
};

class Session {
 public:
  /// Allocates everything a run needs: no heap or backend allocation happens after this.
  Session(const Model& model, const SessionOptions& options);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  int64_t length(int64_t seq) const { return states_[size_t(seq)].length(); }
  int64_t capacity() const { return options_.capacity; }
  int64_t n_seq() const { return int64_t(states_.size()); }
  const KvPool& pool() const { return pool_; }

  /// Calls the hook after every layer of every pass from now on, after the hooks added before.
  void add_layer_hook(LayerHook hook) { layer_hooks_.push_back(std::move(hook)); }

  /// Runs the items, of different sequences, through the model together, in several passes where they have more
  /// tokens than one takes. Logits stand in the order of the items. An item whose sequence fails ends alone.
  /// UsageError on a token id out of range, Error where a capacity would be exceeded or an op fails: every
  /// sequence is then as it was before. Cancelled: what the passes before it did stays.
  /// Contract: n_seq() items at most; rows of logits as the options have them.
  const std::vector<ItemResult>& step(const StepItem* items, int64_t n);

  /// Called after each pass with logits [n, vocab] of the tokens from index `first` on.
  using OnLogits = std::function<void(int64_t first, int64_t n, const float* logits)>;

  /// A step of one sequence: n more tokens. Afterwards logits(0) are those of the last one; with `on_logits`
  /// those of every token are computed and handed over chunk by chunk, a step each. Errors as step(), and where
  /// the sequence failed.
  void prefill(int64_t seq, const int32_t* tokens, int64_t n, const OnLogits* on_logits = nullptr);

  /// A step of all sequences: one token each; logits(i) are those of sequence i. Errors as step(), and where a
  /// sequence failed.
  void decode(const int32_t* tokens);

  /// Logits [vocab] in host memory, valid until the next step.
  const float* logits(int64_t row) const;
  /// The first largest of logits(row) among the ids below `limit`, those that the tokenizer knows.
  int32_t argmax(int64_t row, int64_t limit);

  const SequenceState& state(int64_t seq) const { return states_[size_t(seq)]; }
  /// Forgets the slots from n on.
  void truncate(int64_t seq, int64_t n) { states_[size_t(seq)].truncate(n); }
  /// Makes sequence `to` the first n slots of sequence `from`: their pages are shared.
  void copy_prefix(int64_t from, int64_t to, int64_t n) {
    states_[size_t(to)].share(states_[size_t(from)], n);
  }
  /// A sequence as it is now, and back to it.
  SequenceState snapshot(int64_t seq) const { return states_[size_t(seq)].snapshot(); }
  void restore(int64_t seq, const SequenceState& snapshot) {
    states_[size_t(seq)].restore(snapshot);
  }
  /// Writes a sequence to a file, and continues one from there: the same bits as if it had never stopped. Error
  /// where the file is of another model, of other types or of another backend's layout, naming the difference.
  void save(int64_t seq, const std::string& path) const;
  void load(int64_t seq, const std::string& path);

 private:
  /// A part of an item in a pass.
  struct Piece {
    size_t item;
    int64_t first, n;  // tokens of the item
  };
  int64_t check(const StepItem* items, int64_t n);
  void run(Phase phase, const StepItem* items, int64_t n);
  void reserve_pages();
  void run_passes(Phase phase);
  void run_pass(Phase phase);
  Pass upload_rows();
  void embed(const Transformer& model) const;
  int64_t head(const Transformer& model);
  void take_choices(int64_t n);
  void keep_what_ran();
  void require_done() const;

  const Model& model_;
  SessionOptions options_;
  KvPool pool_;
  Buffer table_;
  TensorView page_table_;  // [n_seq, pages of a sequence] i32
  Activations act_;
  RopeTable rope_;
  std::vector<SequenceState> states_;
  std::vector<uint64_t> versions_;  // per sequence: of the pages that page_table_ has
  std::vector<int64_t> step_of_;    // per sequence: the last step that it took part in
  std::vector<LayerHook> layer_hooks_;

  // The step that runs, or ran last.
  int64_t n_steps_ = 0;
  const StepItem* items_ = nullptr;  // of the caller
  std::vector<StepItem> own_items_;  // of prefill and decode
  std::vector<ItemResult> results_;  // per item
  std::vector<int64_t> done_;        // per item: tokens that passes have run
  std::vector<Piece> pieces_;        // of the pass that runs
  std::vector<int64_t> logit_rows_;  // rows of the pass that get logits, ascending
  std::vector<size_t> item_of_;      // per row of logits of the step
  std::vector<int32_t> host_tokens_, host_slots_, host_sequences_;  // [tokens of a pass]
  std::vector<int32_t> choices_, nonfinite_;                        // per row of logits
  int64_t n_logits_ = 0;                                            // rows that the step has left
  int64_t front_ = 0;                                               // the one that is called 0
  mutable bool on_host_ = false;            // host_logits_ holds them: fetched when first asked for
  mutable std::vector<float> host_logits_;  // [logit rows, vocab]
};

}  // namespace qwench
