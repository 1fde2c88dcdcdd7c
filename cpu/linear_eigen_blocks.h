// linear through Eigen by blocks of output rows, for the files that are built for an instruction set: everything
// here is a copy of each. Weights that are not f32 are widened a block at a time.
#pragma once
#define EIGEN_DONT_PARALLELIZE
#include <Eigen/Core>
#include <algorithm>

#include "cpu/linear_eigen.h"
#include "engine/base/checked.h"

namespace qwench::cpu {

namespace {

using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
using ConstMap = Eigen::Map<const Matrix>;
using StridedMap = Eigen::Map<Matrix, 0, Eigen::OuterStride<>>;

/// widen(w, first, rows, to): `rows` rows of w from `first` on as f32.
template <class Widen>
void linear_by_blocks(Team& team, const LinearArgs& a, Widen&& widen) {
  const ConstMap x(a.x.as<const float>(), a.x.rows(), a.w.in);
  const int64_t block = eigen_rows_per_block(a.w);
  team.parallel_for(ceil_div(a.w.out, block), 1, [&](int64_t begin, int64_t end, int thread) {
    for (int64_t b = begin; b < end; ++b) {
      const int64_t first = b * block, rows = std::min(block, a.w.out - first);
      float* widened = static_cast<float*>(team.scratch(thread));
      const float* w = widened;
      if (a.w.dtype == DType::kF32)
        w = static_cast<const float*>(a.w.plain) + first * a.w.in;
      else
        widen(a.w, first, rows, widened);
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

}  // namespace

}  // namespace qwench::cpu
