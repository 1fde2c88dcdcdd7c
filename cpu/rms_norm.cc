// rms_norm: y = x / rms(x) * w.
#include <cmath>

#include "cpu/elementwise_avx2.h"
#include "cpu/ops.h"
#include "cpu/plugin_args.h"

namespace qwench::cpu {

namespace {

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

#if defined(QWENCH_X86)
const char* avx2_unsupported(const RmsNormArgs&) { return avx2_missing(); }
void avx2(const RmsNormArgs& a, Stream& stream) { rms_norm_avx2(team_of(stream), a); }
#endif

constexpr Kernel<RmsNormArgs> kRmsNorm[] = {
#if defined(QWENCH_X86)
    {"f32_twopass_avx2", avx2_unsupported, avx2},
#endif
    {"reference", always_supported<RmsNormArgs>, rms_norm_reference},
};

void to_c(const RmsNormArgs& a, QwenchArgs& to) {
  to.rms_norm = {matrix(a.x), tensor(a.w), matrix(a.y), a.eps};
}

}  // namespace

template <>
CpuOp<RmsNormArgs> cpu_op() {
  return {kRmsNorm, to_c};
}

}  // namespace qwench::cpu
