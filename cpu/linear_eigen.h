// The Eigen baseline of linear, built once for any CPU and once for AVX2 and FMA, so that the race is fair. Eigen's
// order of summation depends on the shape and on the instruction set.
#pragma once
#include "cpu/team.h"
#include "engine/ops/ops.h"

namespace qwench::cpu {

void linear_eigen_base(Team& team, const LinearArgs& args);
void linear_eigen_avx2(Team& team,
                       const LinearArgs& args);  // only on x86-64, where cpu_info() says so

/// Rows of weights that are widened at a time, as many as the scratch of a thread holds.
int64_t eigen_rows_per_block(const WeightView& w);

}  // namespace qwench::cpu
