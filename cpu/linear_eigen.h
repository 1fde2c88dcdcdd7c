// The Eigen baseline of linear; its own header because linear_eigen_avx2.cc is built for AVX2.
#pragma once
#include "cpu/team.h"
#include "engine/ops/ops.h"

namespace qwench::cpu {

const char* eigen_unsupported(const LinearArgs& args);
void linear_eigen(const LinearArgs& args, Stream& stream);

}  // namespace qwench::cpu
