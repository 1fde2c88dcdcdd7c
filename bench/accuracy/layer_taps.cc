// A pass may be any part of a step: both sides count the rows that they have seen.
#include "bench/accuracy/layer_taps.h"

#include <algorithm>

namespace qwench::bench {

LayerTaps::LayerTaps(int64_t n_layers, int64_t dim, int64_t rows)
    : dim_(dim),
      capacity_(rows),
      filled_(size_t(n_layers), 0),
      values_(size_t(n_layers * rows * dim)) {}

int64_t LayerTaps::bytes(int64_t n_layers, int64_t dim, int64_t rows) {
  return n_layers * dim * rows * int64_t(sizeof(float));
}

void LayerTaps::restart() { std::fill(filled_.begin(), filled_.end(), 0); }

float* LayerTaps::rows(int64_t layer, int64_t first) {
  return values_.data() + (layer * capacity_ + first) * dim_;
}
const float* LayerTaps::rows(int64_t layer, int64_t first) const {
  return values_.data() + (layer * capacity_ + first) * dim_;
}

LayerHook LayerTaps::keeper() {
  return [this](Backend& backend, const LayerOutput& output) {
    int64_t& filled = filled_[size_t(output.layer)];
    QWENCH_CHECK(filled + output.x.rows() <= capacity_);
    backend.download(rows(output.layer, filled), output.x.data, output.x.bytes());
    filled += output.x.rows();
  };
}

LayerComparison::LayerComparison(const LayerTaps& reference)
    : reference_(reference),
      seen_(size_t(reference.n_layers()), 0),
      layers_(size_t(reference.n_layers())) {}

void LayerComparison::restart() { std::fill(seen_.begin(), seen_.end(), 0); }

LayerHook LayerComparison::comparer() {
  return [this](Backend& backend, const LayerOutput& output) {
    QWENCH_CHECK(output.x.cols() == reference_.dim());
    const int64_t n = output.x.shape.count();
    output_.resize(std::max(output_.size(), size_t(n)));
    backend.download(output_.data(), output.x.data, output.x.bytes());
    int64_t& seen = seen_[size_t(output.layer)];
    layers_[size_t(output.layer)].add(reference_.rows(output.layer, seen), output_.data(), n);
    seen += output.x.rows();
  };
}

}  // namespace qwench::bench
