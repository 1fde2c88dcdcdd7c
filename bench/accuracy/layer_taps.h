// The residual stream after every layer: kept for the reference, compared for a candidate that runs
// the same tokens afterwards.
#pragma once
#include <vector>

#include "bench/accuracy/similarity.h"
#include "engine/model/transformer.h"

namespace qwench::bench {

/// The outputs of all layers for one step of the reference. Not moved once its hook is in use.
class LayerTaps {
 public:
  /// Room for `rows` tokens of each layer.
  LayerTaps(int64_t n_layers, int64_t dim, int64_t rows);

  static int64_t bytes(int64_t n_layers, int64_t dim, int64_t rows);

  /// Forgets the rows: the next pass is the first of a step.
  void restart();
  /// A hook that keeps the rows of every pass after those of the passes before.
  LayerHook keeper();

  int64_t n_layers() const { return int64_t(filled_.size()); }
  int64_t dim() const { return dim_; }
  /// Row `first` of a layer and those after it, [.., dim].
  const float* rows(int64_t layer, int64_t first) const;
  float* rows(int64_t layer, int64_t first);

 private:
  int64_t dim_, capacity_;
  std::vector<int64_t> filled_;  // rows of each layer
  std::vector<float> values_;    // [n_layers, capacity, dim]
};

/// A candidate's layers beside those of the reference. Not moved once its hook is in use.
class LayerComparison {
 public:
  /// Contract: the candidate has as many layers of the same width as the taps.
  explicit LayerComparison(const LayerTaps& reference);

  void restart();
  /// A hook that compares the rows of every pass with the reference's rows of the same tokens.
  LayerHook comparer();
  const std::vector<Similarity>& layers() const { return layers_; }

 private:
  const LayerTaps& reference_;
  std::vector<int64_t> seen_;  // rows of each layer in this step
  std::vector<Similarity> layers_;
  std::vector<float> output_;  // [rows, dim]
};

}  // namespace qwench::bench
