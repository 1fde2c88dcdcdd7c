// Scales (or offsets) of a matrix cut into equal blocks, the last ones of a row or column smaller:
// element (r, c) has the value at [r / block_rows, c / block_cols] of a stored tensor of floats.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "engine/checkpoint/part.h"

namespace qwench {

/// How a matrix is cut: a group of a row is {1, group}, a whole row {1, cols}.
struct BlockShape {
  int64_t rows = 1, cols = 1;
};

/// Values of some rows of a grid.
struct GridRows {
  std::vector<float> values;
  int64_t first_grid_row = 0, grid_cols = 0, block_rows = 1;
  /// The values of a matrix row, one for each block of columns. Contract: within what was read.
  const float* row(int64_t r) const {
    return &values[size_t((r / block_rows - first_grid_row) * grid_cols)];
  }
};

class ScaleGrid {
 public:
  /// Error unless `part` is floats in the grid's shape for a matrix [rows, cols]. A grid of one
  /// column may lack that dimension, a grid of one value both.
  ScaleGrid(const Part& part, int64_t rows, int64_t cols, const BlockShape& block);

  int64_t grid_rows() const { return grid_rows_; }
  int64_t grid_cols() const { return grid_cols_; }
  const BlockShape& block() const { return block_; }
  /// For the matrix rows [first, first + n); Error on a value that is not finite.
  GridRows read(int64_t first, int64_t n) const;

 private:
  Part part_;
  BlockShape block_;
  int64_t grid_rows_, grid_cols_;
};

/// Matrix rows to decode at a time so that a buffer of `row_bytes` each stays within kDecodeBytes.
inline int64_t rows_at_once(int64_t row_bytes) {
  return std::max<int64_t>(1, kDecodeBytes / std::max<int64_t>(1, row_bytes));
}

}  // namespace qwench
