// Rounding that makes up for itself (GPTQ): columns are rounded one after the other, and what one has
// lost is taken up by the columns that move with it and are still to be rounded. The weights move
// away from their own values so that the products with the inputs stay near theirs.
// Source: Frantar et al., GPTQ (arXiv 2210.17323), with block-diagonal products of the inputs.
#pragma once
#include <cstdint>
#include <vector>

#include "engine/base/dtype.h"
#include "engine/calibrate/input_statistics.h"

namespace qwench {

/// Part of the mean of the diagonal that is added to it: without it a column that never moved alone
/// would be trusted without bound.
constexpr double kFeedbackDamping = 0.01;

class ErrorFeedback {
 public:
  /// Contract: the statistics have products and whole quantisation blocks.
  explicit ErrorFeedback(const InputStatistics& inputs, double damping = kFeedbackDamping);

  /// Bytes that it takes for this many columns.
  static int64_t bytes(int64_t cols);

  /// Rows of finite f32 weights [rows, cols] to rows of q4_0 or q4g. Thread-safe; a row's bytes
  /// depend on that row alone.
  void encode(DType type, const float* w, int64_t rows, void* to) const;

 private:
  int64_t cols_;
  std::vector<ColumnBlock> blocks_;
  std::vector<std::vector<float>> factors_;  // per block [n, n]: U of (X^T X)^-1 = U^T U, row-major
  std::vector<float> importance_;            // [cols]: of an error that later columns can take up
};

}  // namespace qwench
