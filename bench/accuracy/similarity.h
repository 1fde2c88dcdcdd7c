// How near two rows of numbers are: sums over everything added, figures asked for afterwards.
#pragma once
#include <cstdint>

#include "engine/base/json.h"

namespace qwench::bench {

/// What a tensor of a candidate and the same tensor of the reference have in common. Sums are
/// doubles; a NaN in either makes every figure NaN.
class Similarity {
 public:
  /// n elements of both.
  void add(const float* reference, const float* candidate, int64_t n);

  int64_t count() const { return count_; }
  double max_abs_error() const { return max_abs_error_; }
  double rms_error() const;    // sqrt(mean (c - r)^2)
  double cosine() const;       // r . c / (|r| |c|); 1 for two zeros
  double relative_l2() const;  // |c - r| / |r|; 0 for two zeros
  double nmse() const;         // its square

 private:
  int64_t count_ = 0;
  double max_abs_error_ = 0, error_ = 0, reference_ = 0, candidate_ = 0, product_ = 0;
};

/// {"max_abs_error", "rms_error", "cosine", "relative_l2"}; null where not finite.
OrderedJson to_json(const Similarity& similarity);

}  // namespace qwench::bench
