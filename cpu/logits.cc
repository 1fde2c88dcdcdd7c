// logits: y = x @ W^T with the head, a row of its own so that reports show it apart from the
// layers.
#include "cpu/ops.h"
#include "cpu/panel_matmul.h"

namespace qwench::cpu {

namespace {

void logits_panel(const LogitsArgs& a, Stream& stream) {
  const LinearArgs matmul{a.x, a.w, {}, a.y};
  panel_matmul_avx2(team_of(stream), &matmul, 1);
}
template <DType kType>
const char* unsupported(const LogitsArgs& a) {
  return panel_avx2_unsupported(a.w, kType);
}

constexpr Kernel<LogitsArgs> kLogits[] = {
    {"f32_panel_avx2", unsupported<DType::kF32>, logits_panel, Layout::kPacked},
    {"f16_panel_avx2", unsupported<DType::kF16>, logits_panel, Layout::kPacked},
    {"bf16_panel_avx2", unsupported<DType::kBF16>, logits_panel, Layout::kPacked},
    {"q8_0_intdot_avx2", unsupported<DType::kQ8_0>, logits_panel, Layout::kPacked, kInvariant,
     kRoundsInputs},
    {"q4_0_intdot_avx2", unsupported<DType::kQ4_0>, logits_panel, Layout::kPacked, kInvariant,
     kRoundsInputs},
    {"q4g_intdot_avx2", unsupported<DType::kQ4G>, logits_panel, Layout::kPacked, kInvariant,
     kRoundsInputs},
};

}  // namespace

KernelList<LogitsArgs> logits_kernels() { return kLogits; }

}  // namespace qwench::cpu
