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

/// A candidate, and where its weights are not the reference's a model of the same weights that it is
/// compared with besides.
struct LockstepCandidate {
  const ConfiguredModel* model = nullptr;
  const ConfiguredModel* same_weights = nullptr;
};

class Lockstep {
 public:
  /// `rows`: tokens of a step. Error when a candidate's vocabulary is not the reference's. All
  /// models must outlive it. A model that several candidates share is run once.
  Lockstep(const ConfiguredModel& reference, const std::vector<LockstepCandidate>& candidates,
           int64_t rows);

  /// Tokens of a step such that what is kept of them stays near 64 MiB.
  static int64_t rows_per_step(const ModelConfig& config, int64_t window);
  /// Host memory for the rows of a step, of each model that others are compared with.
  static int64_t bytes(const ModelConfig& config, int64_t rows);

  /// Runs one window of the text. A candidate that makes NaN or Inf is left out from there on, and so is a model
  /// of its weights; the NonfiniteError of the reference is passed on, with its name.
  void run(const ScoredText& text, const Window& window);

  const ReferenceScore& reference() const { return references_.front()->score; }
  CandidateScore& score(size_t candidate) { return contestants_[candidate]->beside.front().score; }
  /// Beside the model of the same weights; null where none was given, or it makes NaN or Inf.
  CandidateScore* same_weights_score(size_t candidate) {
    std::vector<Beside>& beside = contestants_[candidate]->beside;
    return beside.size() > 1 && !beside[1].reference->failed ? &beside[1].score : nullptr;
  }
  /// True where the model of the same weights made NaN or Inf.
  bool same_weights_failed(size_t candidate) const {
    const std::vector<Beside>& beside = contestants_[candidate]->beside;
    return beside.size() > 1 && beside[1].reference->failed;
  }

 private:
  /// A model that others are compared with, and what is kept of its step.
  struct Reference {
    Reference(const ConfiguredModel& model, int64_t rows);

    const ConfiguredModel& model;
    Session session;
    LayerTaps taps;
    std::vector<float> logits;  // [rows, vocab]
    ReferenceScore score;
    bool failed = false;  // NaN or Inf, and nothing is compared with it any more
  };
  /// A candidate beside one of them.
  struct Beside {
    const Reference* reference;
    std::unique_ptr<LayerComparison> layers;  // null: not comparable
    CandidateScore score;
  };
  struct Contestant {
    std::unique_ptr<Session> session;
    std::vector<Beside> beside;  // the reference, then the model of the same weights
  };
  /// The tokens of a step, and where in the text they are.
  struct Step {
    const ScoredText& text;
    int64_t cluster = 0;  // of tokens where documents are not the clusters
    int64_t first = 0, count = 0;
    int64_t end = 0;  // of the window: its last token predicts nothing in it
  };

  void add(const LockstepCandidate& candidate);
  const Reference& reference_of(const ConfiguredModel& model);
  void run_reference(const Step& step, Reference& reference);
  void run_candidate(const Step& step, Contestant& contestant);
  void compare(const Step& step, Beside& beside, int64_t first, int64_t n, const float* logits);

  int64_t rows_;
  std::vector<std::unique_ptr<Reference>> references_;  // the reference, then others
  std::vector<std::unique_ptr<Contestant>> contestants_;
};

}  // namespace qwench::bench
