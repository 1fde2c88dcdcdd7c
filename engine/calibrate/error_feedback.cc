// In blocks of 32 columns: the block's scale is chosen from the weights as they stand by then, its
// columns are rounded one by one, and one matrix product passes their errors on to the columns after
// the block.
#include "engine/calibrate/error_feedback.h"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <cstring>

#include "engine/base/checked.h"
#include "engine/formats/q4_0.h"
#include "engine/formats/q4g_encoder.h"

namespace qwench {

namespace {

using RowMajor = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using FactorMap = Eigen::Map<const RowMajor>;

constexpr int64_t kTileRows = 64;  // rows whose weights are moved together
constexpr int64_t kHalf = kQuantBlock / 2;

void put_nibble(uint8_t* qs, int64_t i, int value) {
  qs[i % kHalf] = uint8_t(qs[i % kHalf] | value << (i < kHalf ? 0 : 4));
}

/// A row of q4_0 that is being written.
class Q4_0Row {
 public:
  Q4_0Row(const float*, int64_t, const float*, void* to) : to_(static_cast<BlockQ4_0*>(to)) {}
  void begin_block(int64_t block, const float* w, const float* importance) {
    at_ = to_ + block;
    encode_q4_0(w, kQuantBlock, importance, at_);
    d_ = f16_to_f32(at_->d);
    std::memset(at_->qs, 0, sizeof at_->qs);
  }
  /// Writes weight i of the block and returns what it decodes to.
  float round(int64_t i, float w) {
    const float steps = d_ != 0 ? w / d_ : 0.0f;
    const int q = int(std::min(std::max(steps, -8.0f), 7.0f) + 8.5f);
    put_nibble(at_->qs, i, q);
    return d_ * float(q - 8);
  }

 private:
  BlockQ4_0* to_;
  BlockQ4_0* at_ = nullptr;
  float d_ = 0;
};

/// The same of q4g: its row's scale is settled before the first block.
class Q4GRow {
 public:
  Q4GRow(const float* w, int64_t n, const float* importance, void* to)
      : row_(encoder().row_scale(w, n, importance)),
        to_(reinterpret_cast<BlockQ4G*>(static_cast<char*>(to) + sizeof row_)) {
    std::memcpy(to, &row_, sizeof row_);
  }
  void begin_block(int64_t block, const float* w, const float* importance) {
    at_ = to_ + block;
    *at_ = encoder().encode_block(w, importance, row_);
    std::memset(at_->qs, 0, sizeof at_->qs);
    scale_ = row_ * float(q4g_scale(at_->head));
  }
  float round(int64_t i, float w) {
    const int index = encoder().nearest(w, row_, at_->head);
    put_nibble(at_->qs, i, index);
    return scale_ * float(kQ4GGrid[q4g_table(at_->head)][index]);
  }

 private:
  static const Q4GEncoder& encoder() {
    static const Q4GEncoder encoder(kQ4GGrid);
    return encoder;
  }
  float row_, scale_ = 0;
  BlockQ4G* to_;
  BlockQ4G* at_ = nullptr;
};

/// Rounds the 32 weights at `w` (columns `first` on of the factor's block) and leaves their errors,
/// each in units of its column's diagonal, in `errors`.
template <class Row>
void round_block(Row& row, const FactorMap& factor, int64_t first, float* w, float* errors) {
  for (int64_t i = 0; i < kQuantBlock; ++i) {
    const float* u = factor.data() + (first + i) * factor.cols() + first;
    errors[i] = (w[i] - row.round(i, w[i])) / u[i];
    for (int64_t k = i + 1; k < kQuantBlock; ++k) w[k] -= errors[i] * u[k];
  }
}

/// The columns of one block of columns, for a tile of rows.
template <class Row>
void encode_columns(std::vector<Row>& rows, const float* factor_data, ColumnBlock block,
                    const float* importance, Eigen::Ref<RowMajor> w) {
  const FactorMap factor(factor_data, block.n, block.n);
  RowMajor errors(w.rows(), kQuantBlock);
  for (int64_t first = 0; first < block.n; first += kQuantBlock) {
    for (int64_t r = 0; r < w.rows(); ++r) {
      float* at = &w(r, block.first + first);
      rows[size_t(r)].begin_block((block.first + first) / kQuantBlock, at,
                                  importance + block.first + first);
      round_block(rows[size_t(r)], factor, first, at, &errors(r, 0));
    }
    const int64_t next = first + kQuantBlock, rest = block.n - next;
    if (rest > 0)
      w.middleCols(block.first + next, rest).noalias() -=
          errors * factor.block(first, next, kQuantBlock, rest);
  }
}

template <class Row>
void encode_tile(const std::vector<ColumnBlock>& blocks,
                 const std::vector<std::vector<float>>& factors, const float* importance,
                 RowMajor& w, char* to, int64_t bytes) {
  std::vector<Row> rows;
  for (int64_t r = 0; r < w.rows(); ++r)
    rows.emplace_back(&w(r, 0), w.cols(), importance, to + r * bytes);
  for (size_t b = 0; b < blocks.size(); ++b)
    encode_columns(rows, factors[b].data(), blocks[b], importance, w);
}

/// U of (H + damping)^-1 = U^T U. H as InputStatistics has it: the lower half.
std::vector<float> inverse_factor(const std::vector<double>& products, int64_t n, double damping) {
  const Eigen::Map<const Eigen::MatrixXd> half(products.data(), n, n);
  Eigen::MatrixXd h = half.selfadjointView<Eigen::Lower>();
  const double mean = h.diagonal().mean();
  std::vector<float> factor(size_t(n * n), 0.0f);
  Eigen::Map<RowMajor> u(factor.data(), n, n);
  u.setIdentity();
  if (!(mean > 0) || !std::isfinite(mean)) return factor;  // no input ever came: nothing to know
  h /= mean;
  for (double damped = damping; damped < 1e3; damped *= 10) {
    h.diagonal().array() += damped;
    const Eigen::LLT<Eigen::MatrixXd> cholesky(h);
    if (cholesky.info() != Eigen::Success) continue;
    const Eigen::MatrixXd inverse = cholesky.solve(Eigen::MatrixXd::Identity(n, n));
    const Eigen::LLT<Eigen::MatrixXd> second(inverse);
    if (second.info() != Eigen::Success) continue;
    u = Eigen::MatrixXd(second.matrixU()).cast<float>();
    return factor;
  }
  return factor;
}

}  // namespace

ErrorFeedback::ErrorFeedback(const InputStatistics& inputs, double damping)
    : cols_(inputs.cols()), blocks_(inputs.blocks()) {
  QWENCH_CHECK(inputs.has_products() && cols_ % kQuantBlock == 0);
  for (size_t b = 0; b < blocks_.size(); ++b) {
    factors_.push_back(inverse_factor(inputs.products(b), blocks_[b].n, damping));
    for (int64_t i = 0; i < blocks_[b].n; ++i) {
      const float diagonal = factors_[b][size_t(i * blocks_[b].n + i)];
      importance_.push_back(1.0f / (diagonal * diagonal));
    }
  }
}

int64_t ErrorFeedback::bytes(int64_t cols) {
  int64_t bytes = cols * 4;
  for (const ColumnBlock& block : column_blocks(cols))
    bytes = checked_add(bytes, block.n * block.n * 4, "error feedback");
  return checked_add(bytes, 4 * kMaxBlockColumns * kMaxBlockColumns * 8, "error feedback");
}

void ErrorFeedback::encode(DType type, const float* w, int64_t rows, void* to) const {
  QWENCH_CHECK(type == DType::kQ4_0 || type == DType::kQ4G);
  const int64_t bytes = row_bytes(type, cols_);
  RowMajor tile;
  for (int64_t first = 0; first < rows; first += kTileRows) {
    const int64_t n = std::min(kTileRows, rows - first);
    tile = Eigen::Map<const RowMajor>(w + first * cols_, n, cols_);
    char* at = static_cast<char*>(to) + first * bytes;
    if (type == DType::kQ4_0)
      encode_tile<Q4_0Row>(blocks_, factors_, importance_.data(), tile, at, bytes);
    else
      encode_tile<Q4GRow>(blocks_, factors_, importance_.data(), tile, at, bytes);
  }
}

}  // namespace qwench
