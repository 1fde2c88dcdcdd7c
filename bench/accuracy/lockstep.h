// Reference and candidates over the same tokens, step by step: the reference runs a few rows, then
// every candidate runs the same ones and is compared at once. Nothing is kept but sums and one
// number per token, so the length of the text costs no memory.
#pragma once
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "bench/accuracy/configured_model.h"
#include "bench/accuracy/divergence.h"
#include "bench/accuracy/layer_taps.h"
#include "bench/accuracy/scored_text.h"

namespace qwench::bench {

/// What a run over a text found out about one candidate.
struct CandidateScore {
  std::unique_ptr<Divergence> divergence;  // of the scored positions
  Similarity logits;                       // of the same
  std::vector<Similarity> layers;          // of every token; empty when not comparable
  std::string layers_note;                 // why not, "" when compared
  std::string failure;                     // why its run ended early, "" when it did not
  double seconds = 0;                      // in its forward passes, watching included
};

struct ReferenceScore {
  int64_t tokens = 0;  // scored
  double nll = 0;      // their sum, nats
  double seconds = 0;
  double perplexity() const;
};

/// Error unless a candidate has as many rows of logits as the reference.
void require_same_vocabulary(const Configuration& candidate, const ModelConfig& config,
                             const ModelConfig& reference);

class Lockstep {
 public:
  /// `rows`: tokens of a step. Error when a candidate's vocabulary is not the reference's. All
  /// models must outlive it.
  Lockstep(const ConfiguredModel& reference, const std::vector<const ConfiguredModel*>& candidates,
           int64_t rows);

  /// Tokens of a step such that what is kept of them stays near 64 MiB.
  static int64_t rows_per_step(const ModelConfig& config, int64_t window);
  /// Host memory for the rows of a step.
  static int64_t bytes(const ModelConfig& config, int64_t rows);

  /// Runs one window of the text. A candidate that makes NaN or Inf is left out from there on; the
  /// reference's NonfiniteError is passed on.
  void run(const ScoredText& text, const Window& window);

  const ReferenceScore& reference() const { return reference_score_; }
  CandidateScore& score(size_t candidate) { return contestants_[candidate]->score; }

 private:
  struct Contestant {
    std::unique_ptr<Session> session;
    std::unique_ptr<LayerComparison> layers;  // null: not comparable
    CandidateScore score;
  };
  /// The tokens of a step, and where in the text they are.
  struct Step {
    const ScoredText& text;
    int64_t cluster = 0;  // of tokens where documents are not the clusters
    int64_t first = 0, count = 0;
    int64_t end = 0;  // of the window: its last token predicts nothing in it
  };

  void add(const ConfiguredModel& candidate);
  void run_reference(const Step& step);
  void run_candidate(const Step& step, Contestant& contestant);
  void compare(const Step& step, Contestant& contestant, int64_t first, int64_t n,
               const float* logits);

  const ModelConfig& config_;  // the reference's
  Session reference_;
  LayerTaps taps_;
  std::vector<float> logits_;  // the reference's, [rows, vocab]
  int64_t rows_;
  ReferenceScore reference_score_;
  std::vector<std::unique_ptr<Contestant>> contestants_;
};

}  // namespace qwench::bench
