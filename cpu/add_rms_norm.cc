// add_rms_norm: x += delta; y = x / rms(x) * w. With its parts, add and rms_norm.
#include <cmath>

#include "cpu/elementwise_avx2.h"
#include "cpu/ops.h"

namespace qwench::cpu {

namespace {

void add_reference(const AddArgs& a, Stream&) {
  const float* delta = a.delta.as<const float>();
  float* x = a.x.as<float>();
  for (int64_t i = 0; i < a.x.shape.count(); ++i) x[i] += delta[i];
}

void rms_norm_reference(const RmsNormArgs& a, Stream&) {
  const float* w = a.w.as<const float>();
  for (int64_t t = 0; t < a.x.rows(); ++t) {
    const float* x = a.x.row<const float>(t);
    double squares = 0;
    for (int64_t i = 0; i < a.x.cols(); ++i) squares += double(x[i]) * double(x[i]);
    const double scale = 1 / std::sqrt(squares / double(a.x.cols()) + double(a.eps));
    for (int64_t i = 0; i < a.x.cols(); ++i) a.y.row<float>(t)[i] = float(x[i] * scale * w[i]);
  }
}

const char* fused_unsupported(const AddRmsNormArgs&) { return avx2_missing(); }
void fused(const AddRmsNormArgs& a, Stream& stream) { add_rms_norm_avx2(team_of(stream), a); }

constexpr Kernel<AddArgs> kAdd[] = {{"reference", always_supported<AddArgs>, add_reference}};
constexpr Kernel<RmsNormArgs> kRmsNorm[] = {
    {"reference", always_supported<RmsNormArgs>, rms_norm_reference}};
constexpr Kernel<AddRmsNormArgs> kAddRmsNorm[] = {{"f32_fused_avx2", fused_unsupported, fused}};

}  // namespace

KernelList<AddArgs> add_kernels() { return kAdd; }
KernelList<RmsNormArgs> rms_norm_kernels() { return kRmsNorm; }
KernelList<AddRmsNormArgs> add_rms_norm_kernels() { return kAddRmsNorm; }

}  // namespace qwench::cpu
