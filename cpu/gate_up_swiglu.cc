// gate_up_swiglu: h = silu(x @ Wg^T) * (x @ Wu^T), fused over the same rows of both matrices.
#include "cpu/ops.h"
#include "cpu/panel_matmul.h"

namespace qwench::cpu {

namespace {

void gate_up_panel(const GateUpSwiGluArgs& a, Stream& stream) {
  panel_gate_up_swiglu_avx2(team_of(stream), a);
}
template <DType kType>
const char* unsupported(const GateUpSwiGluArgs& a) {
  if (const char* reason = panel_avx2_unsupported(a.w_gate, kType)) return reason;
  return panel_avx2_unsupported(a.w_up, kType);
}

constexpr Kernel<GateUpSwiGluArgs> kGateUpSwiGlu[] = {
    {"f32_panel_avx2", unsupported<DType::kF32>, gate_up_panel, Layout::kPacked},
    {"f16_panel_avx2", unsupported<DType::kF16>, gate_up_panel, Layout::kPacked},
    {"bf16_panel_avx2", unsupported<DType::kBF16>, gate_up_panel, Layout::kPacked},
    {"q8_0_intdot_avx2", unsupported<DType::kQ8_0>, gate_up_panel, Layout::kPacked, kInvariant,
     kRoundsInputs},
    {"q4_0_intdot_avx2", unsupported<DType::kQ4_0>, gate_up_panel, Layout::kPacked, kInvariant,
     kRoundsInputs},
    {"q4g_intdot_avx2", unsupported<DType::kQ4G>, gate_up_panel, Layout::kPacked, kInvariant,
     kRoundsInputs},
};

}  // namespace

KernelList<GateUpSwiGluArgs> gate_up_swiglu_kernels() { return kGateUpSwiGlu; }

}  // namespace qwench::cpu
