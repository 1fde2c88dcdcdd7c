// What the inputs of a matrix look like on a text: how strong each column is, which columns move
// together, and a few inputs held out of both to judge an encoding by.
#pragma once
#include <cstddef>
#include <cstdint>
#include <vector>

namespace qwench {

/// Columns [first, first + n) whose products are gathered: never more than kMaxBlockColumns, whole
/// quantisation blocks but for the last.
struct ColumnBlock {
  int64_t first = 0, n = 0;
};
constexpr int64_t kMaxBlockColumns = 1024;

/// The fewest blocks, as equal as whole quantisation blocks allow.
std::vector<ColumnBlock> column_blocks(int64_t cols);

class InputStatistics {
 public:
  /// max_held_out: rows that are kept at most.
  InputStatistics(int64_t cols, bool with_products, int64_t max_held_out);

  /// Bytes that statistics of these sizes take.
  static int64_t bytes(int64_t cols, bool with_products, int64_t max_held_out);

  /// n inputs, row-major [n, cols].
  void add(const float* rows, int64_t n, int threads);
  /// The same, but kept as they are, the first ones up to the limit.
  void hold_out(const float* rows, int64_t n);

  int64_t cols() const { return cols_; }
  int64_t count() const { return count_; }
  /// Mean square of each column [cols].
  std::vector<float> importance() const;
  const std::vector<ColumnBlock>& blocks() const { return blocks_; }
  /// X^T X of a block's columns, [n, n]: only entries with row >= column. Empty without products.
  const std::vector<double>& products(size_t block) const { return products_[block]; }
  bool has_products() const { return !products_.empty(); }
  /// [held_out_count, cols].
  const std::vector<float>& held_out() const { return held_out_; }
  int64_t held_out_count() const { return cols_ ? int64_t(held_out_.size()) / cols_ : 0; }

 private:
  int64_t cols_, max_held_out_, count_ = 0;
  std::vector<double> squares_;  // [cols]
  std::vector<ColumnBlock> blocks_;
  std::vector<std::vector<double>> products_;  // per block; empty: not gathered
  std::vector<float> held_out_;
};

}  // namespace qwench
