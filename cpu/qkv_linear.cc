// qkv_linear: q, k, v = x @ W^T (+ bias), three matrices as one pool of panels.
#include "cpu/ops.h"
#include "cpu/panel_matmul.h"

namespace qwench::cpu {

namespace {

void qkv_panel(const QkvLinearArgs& a, Stream& stream) {
  const LinearArgs matmuls[] = {
      {a.x, a.wq, a.bias_q, a.q}, {a.x, a.wk, a.bias_k, a.k}, {a.x, a.wv, a.bias_v, a.v}};
  panel_matmul_avx2(team_of(stream), matmuls, 3);
}
template <DType kType>
const char* unsupported(const QkvLinearArgs& a) {
  for (const WeightView* w : {&a.wq, &a.wk, &a.wv})
    if (const char* reason = panel_avx2_unsupported(*w, kType)) return reason;
  return nullptr;
}

constexpr Kernel<QkvLinearArgs> kQkvLinear[] = {
    {"f32_panel_avx2", unsupported<DType::kF32>, qkv_panel, Layout::kPacked},
    {"f16_panel_avx2", unsupported<DType::kF16>, qkv_panel, Layout::kPacked},
    {"bf16_panel_avx2", unsupported<DType::kBF16>, qkv_panel, Layout::kPacked},
    {"q8_0_intdot_avx2", unsupported<DType::kQ8_0>, qkv_panel, Layout::kPacked, kInvariant,
     kRoundsInputs},
    {"q4_0_intdot_avx2", unsupported<DType::kQ4_0>, qkv_panel, Layout::kPacked, kInvariant,
     kRoundsInputs},
    {"q4g_intdot_avx2", unsupported<DType::kQ4G>, qkv_panel, Layout::kPacked, kInvariant,
     kRoundsInputs},
};

}  // namespace

KernelList<QkvLinearArgs> qkv_linear_kernels() { return kQkvLinear; }

}  // namespace qwench::cpu
