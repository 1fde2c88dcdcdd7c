// layer_norm: y = (x - mean) / sqrt(variance + eps) * w (+ bias).
#include <cmath>

#include "cpu/ops.h"
#include "cpu/plugin_args.h"

namespace qwench::cpu {

namespace {

void layer_norm_reference(const LayerNormArgs& a, Stream&) {
  const int64_t dim = a.x.cols();
  const float *w = a.w.as<const float>(), *bias = a.bias.as<const float>();
  for (int64_t t = 0; t < a.x.rows(); ++t) {
    const float* x = a.x.row<const float>(t);
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < dim; ++i) sum += double(x[i]);
    const double mean = sum / double(dim);
    for (int64_t i = 0; i < dim; ++i) squares += (double(x[i]) - mean) * (double(x[i]) - mean);
    const double scale = 1 / std::sqrt(squares / double(dim) + double(a.eps));
    for (int64_t i = 0; i < dim; ++i)
      a.y.row<float>(t)[i] =
          float((double(x[i]) - mean) * scale * double(w[i]) + (bias ? double(bias[i]) : 0));
  }
}

constexpr Kernel<LayerNormArgs> kLayerNorm[] = {
    {"reference", always_supported<LayerNormArgs>, layer_norm_reference}};

void to_c(const LayerNormArgs& a, QwenchArgs& to) {
  to.layer_norm = {matrix(a.x), tensor(a.w), tensor(a.bias), matrix(a.y), a.eps};
}

}  // namespace

template <>
CpuOp<LayerNormArgs> cpu_op() {
  return {kLayerNorm, to_c};
}

}  // namespace qwench::cpu
