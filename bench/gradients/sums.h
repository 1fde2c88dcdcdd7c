// The two sums that every op of the decoder block is made of: products added up in double, always
// in the same order, so that a recomputed value is the first one bit for bit.
#pragma once
#include <cstdint>

namespace qwench::bench {

/// Columns that are summed together: their double sums stay in the first-level cache.
constexpr int64_t kTile = 128;

/// sum of a[i] * b[i], i < n. Eight chains: one addition waits for the one eight before it.
template <class T>
double dot(const T* a, const T* b, int64_t n) {
  double chain[8] = {};
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    for (int64_t j = 0; j < 8; ++j) chain[j] += double(a[i + j]) * double(b[i + j]);
  for (; i < n; ++i) chain[0] += double(a[i]) * double(b[i]);
  return ((chain[0] + chain[1]) + (chain[2] + chain[3])) +
         ((chain[4] + chain[5]) + (chain[6] + chain[7]));
}

/// Rows of a matrix, each with a coefficient.
template <class T>
struct WeightedRows {
  const T* coefficient = nullptr;
  int64_t coefficient_stride = 1;
  const T* rows = nullptr;
  int64_t row_stride = 0;
  int64_t n_rows = 0;
};

/// sum[c] += sum over r of coefficient[r] * rows[r][c], c < n_cols.
template <class T>
void add_rows(const WeightedRows<T>& w, int64_t n_cols, double* sum) {
  for (int64_t r = 0; r < w.n_rows; ++r) {
    const double factor = double(w.coefficient[r * w.coefficient_stride]);
    const T* row = w.rows + r * w.row_stride;
    int64_t c = 0;
    for (; c + 8 <= n_cols; c += 8)
      for (int64_t j = 0; j < 8; ++j) sum[c + j] += factor * double(row[c + j]);
    for (; c < n_cols; ++c) sum[c] += factor * double(row[c]);
  }
}

}  // namespace qwench::bench
