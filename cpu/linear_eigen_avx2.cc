// linear through Eigen, the baseline to beat: built with AVX2 and FMA so that the race is fair.
// Other weights are widened in blocks of rows. Eigen's order of summation depends on the shape.
#define EIGEN_DONT_PARALLELIZE
#include "cpu/linear_eigen.h"

#include <Eigen/Core>
#include <algorithm>

#include "cpu/ops.h"
#include "cpu/plain_weight.h"
#include "cpu/simd_avx2.h"
#include "engine/base/checked.h"

namespace qwench::cpu {

namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using ConstMap = Eigen::Map<const Matrix>;
using StridedMap = Eigen::Map<Matrix, 0, Eigen::OuterStride<>>;

void widen_rows(const WeightView& w, int64_t first, int64_t rows, float* to) {
  if (is_quantized(w.dtype)) {
    for (int64_t r = 0; r < rows; ++r) plain_row(w, first + r, to + r * w.in);
    return;
  }
  const uint16_t* from = static_cast<const uint16_t*>(w.plain) + first * w.in;
  const int64_t n = rows * w.in;
  const bool bf16 = w.dtype == DType::kBF16;
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    _mm256_storeu_ps(to + i, bf16 ? load_bf16(from + i) : load_f16(from + i));
  for (; i < n; ++i) to[i] = bf16 ? bf16_to_f32(from[i]) : f16_to_f32(from[i]);
}

/// Rows widened at a time, as many as the scratch holds.
int64_t rows_per_block(const WeightView& w) {
  return std::clamp<int64_t>(Team::kScratchBytes / (w.in * 4), 0, 64);
}

}  // namespace

const char* eigen_unsupported(const LinearArgs& a) {
  if (const char* missing = avx2_missing()) return missing;
  if (rows_per_block(a.w) == 0) return "a row of weights exceeds the scratch memory";
  return needs_plain(a.w);
}

void linear_eigen(const LinearArgs& a, Stream& stream) {
  Team& team = team_of(stream);
  const ConstMap x(a.x.as<const float>(), a.x.rows(), a.w.in);
  const int64_t block = rows_per_block(a.w);
  team.parallel_for(ceil_div(a.w.out, block), 1, [&](int64_t begin, int64_t end, int thread) {
    for (int64_t b = begin; b < end; ++b) {
      const int64_t first = b * block, rows = std::min(block, a.w.out - first);
      float* widened = static_cast<float*>(team.scratch(thread));
      const float* w = widened;
      if (a.w.dtype == DType::kF32)
        w = static_cast<const float*>(a.w.plain) + first * a.w.in;
      else
        widen_rows(a.w, first, rows, widened);
      StridedMap y(a.y.as<float>() + first, a.x.rows(), rows, Eigen::OuterStride<>(a.w.out));
      if (a.add)
        y.noalias() += x * ConstMap(w, rows, a.w.in).transpose();
      else
        y.noalias() = x * ConstMap(w, rows, a.w.in).transpose();
      if (a.bias)
        y.rowwise() += Eigen::Map<const Eigen::RowVectorXf>(a.bias.as<const float>() + first, rows);
    }
  });
}

}  // namespace qwench::cpu
