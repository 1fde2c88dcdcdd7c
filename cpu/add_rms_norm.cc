// add_rms_norm: x += delta; y = x / rms(x) * w.
#include "cpu/elementwise_avx2.h"
#include "cpu/ops.h"
#include "cpu/plugin_args.h"

namespace qwench::cpu {

namespace {

const char* fused_unsupported(const AddRmsNormArgs&) { return avx2_missing(); }
void fused(const AddRmsNormArgs& a, Stream& stream) { add_rms_norm_avx2(team_of(stream), a); }

constexpr Kernel<AddRmsNormArgs> kAddRmsNorm[] = {{"f32_fused_avx2", fused_unsupported, fused}};

void to_c(const AddRmsNormArgs& a, QwenchArgs& to) {
  to.add_rms_norm = {matrix(a.delta), matrix(a.x), tensor(a.w), matrix(a.y), a.eps};
}

}  // namespace

template <>
CpuOp<AddRmsNormArgs> cpu_op() {
  return {kAddRmsNorm, to_c};
}

}  // namespace qwench::cpu
