// Sums over a few hundred inputs are f32, sums of those f64: the products of a long text would
// otherwise lose what distinguishes its columns.
#include "engine/calibrate/input_statistics.h"

#include <Eigen/Core>
#include <algorithm>

#include "engine/base/checked.h"
#include "engine/base/dtype.h"
#include "engine/base/parallel.h"

namespace qwench {

namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using Rows = Eigen::Map<const RowMajor, 0, Eigen::OuterStride<>>;

void add_products(const float* rows, int64_t n, int64_t cols, ColumnBlock block, double* to) {
  const Rows x(rows + block.first, n, block.n, Eigen::OuterStride<>(cols));
  Eigen::MatrixXf sum = Eigen::MatrixXf::Zero(block.n, block.n);
  sum.selfadjointView<Eigen::Lower>().rankUpdate(x.transpose());
  Eigen::Map<Eigen::MatrixXd> total(to, block.n, block.n);
  total.triangularView<Eigen::Lower>() += sum.cast<double>();
}

}  // namespace

std::vector<ColumnBlock> column_blocks(int64_t cols) {
  const int64_t units = ceil_div(cols, kQuantBlock);
  const int64_t count = ceil_div(cols, kMaxBlockColumns);
  std::vector<ColumnBlock> blocks;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t first = units * i / count * kQuantBlock;
    const int64_t last = std::min(units * (i + 1) / count * kQuantBlock, cols);
    blocks.push_back({first, last - first});
  }
  return blocks;
}

InputStatistics::InputStatistics(int64_t cols, bool with_products, int64_t max_held_out)
    : cols_(cols),
      max_held_out_(max_held_out),
      squares_(size_t(cols), 0.0),
      blocks_(column_blocks(cols)) {
  if (!with_products) return;
  for (const ColumnBlock& block : blocks_) products_.emplace_back(size_t(block.n * block.n), 0.0);
}

int64_t InputStatistics::bytes(int64_t cols, bool with_products, int64_t max_held_out) {
  int64_t bytes = checked_mul(cols, 8 + 4 * max_held_out, "statistics");
  for (const ColumnBlock& block : column_blocks(cols))
    if (with_products) bytes = checked_add(bytes, block.n * block.n * 8, "statistics");
  return bytes;
}

void InputStatistics::add(const float* rows, int64_t n, int threads) {
  for (int64_t r = 0; r < n; ++r)
    for (int64_t c = 0; c < cols_; ++c) {
      const double x = double(rows[r * cols_ + c]);
      squares_[size_t(c)] += x * x;
    }
  count_ += n;
  if (!has_products()) return;
  const auto task = [&](int64_t b) {
    add_products(rows, n, cols_, blocks_[size_t(b)], products_[size_t(b)].data());
  };
  for_each_task(int64_t(blocks_.size()), threads, task, {});
}

void InputStatistics::hold_out(const float* rows, int64_t n) {
  n = std::min(n, max_held_out_ - held_out_count());
  held_out_.insert(held_out_.end(), rows, rows + n * cols_);
}

std::vector<float> InputStatistics::importance() const {
  std::vector<float> mean(squares_.size());
  for (size_t c = 0; c < mean.size(); ++c)
    mean[c] = count_ ? float(squares_[c] / double(count_)) : 1.0f;
  return mean;
}

}  // namespace qwench
