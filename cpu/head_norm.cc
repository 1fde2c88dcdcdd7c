// head_norm: the RMS norm of every head, in place.
#include <cmath>

#include "cpu/ops.h"
#include "cpu/plugin_args.h"

namespace qwench::cpu {

namespace {

void head_norm_reference(const HeadNormArgs& a, Stream&) {
  const int64_t head_dim = a.x.cols();
  for (int64_t row = 0; row < a.x.rows(); ++row) {
    float* x = a.x.row<float>(row);
    double squares = 0;
    for (int64_t d = 0; d < head_dim; ++d) squares += double(x[d]) * double(x[d]);
    const double scale = 1 / std::sqrt(squares / double(head_dim) + double(a.eps));
    for (int64_t d = 0; d < head_dim; ++d) x[d] = float(x[d] * scale * a.w.as<const float>()[d]);
  }
}

constexpr Kernel<HeadNormArgs> kHeadNorm[] = {
    {"reference", always_supported<HeadNormArgs>, head_norm_reference}};

void to_c(const HeadNormArgs& a, QwenchArgs& to) {
  to.head_norm = {tensor(a.x), tensor(a.w), a.eps};
}

}  // namespace

template <>
CpuOp<HeadNormArgs> cpu_op() {
  return {kHeadNorm, to_c};
}

}  // namespace qwench::cpu
