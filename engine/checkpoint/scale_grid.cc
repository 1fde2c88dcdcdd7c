// See scale_grid.h.
#include "engine/checkpoint/scale_grid.h"

#include "engine/base/checked.h"

namespace qwench {

ScaleGrid::ScaleGrid(const Part& part, int64_t rows, int64_t cols, const BlockShape& block)
    : part_(part),
      block_(block),
      grid_rows_(ceil_div(rows, block.rows)),
      grid_cols_(ceil_div(cols, block.cols)) {
  part.expect_dtype({"F16", "BF16", "F32"});
  const std::vector<int64_t>& shape = part.shape();
  const bool column = grid_cols_ == 1 && shape == std::vector<int64_t>{grid_rows_};
  const bool single = grid_rows_ == 1 && grid_cols_ == 1 && shape.empty();
  if (!column && !single) part.expect_shape({grid_rows_, grid_cols_});
}

GridRows ScaleGrid::read(int64_t first, int64_t n) const {
  GridRows out;
  out.block_rows = block_.rows;
  out.grid_cols = grid_cols_;
  out.first_grid_row = first / block_.rows;
  const int64_t grid_rows = ceil_div(first + n, block_.rows) - out.first_grid_row;
  out.values = part_.read_floats(out.first_grid_row * grid_cols_, grid_rows * grid_cols_);
  return out;
}

}  // namespace qwench
