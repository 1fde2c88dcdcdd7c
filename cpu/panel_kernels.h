// The rows that the kernel lists of linear, norm_qkv, norm_gate_up and norm_logits share: every type
// of weights by every instruction set, widest first. Activations of 7 bits and of bf16 come last: less
// exact and faster, they run only where they are asked for.
#pragma once
#include <array>

#include "cpu/panel_matmul.h"
#include "engine/backend/kernel.h"

namespace qwench::cpu {

/// Op says what an op does with panels: Args; run(args, stream, products); weights(args): those that
/// must be held as panels.
template <class Op, DType kType, const PanelProducts& kProducts>
constexpr Kernel<typename Op::Args> panel_kernel(
    std::string_view name,
    InputPrecision inputs = is_quantized(kType) ? InputPrecision::kInt8 : InputPrecision::kF32) {
  using Args = typename Op::Args;
  const auto unsupported = [](const Args& args) -> const char* {
    for (const WeightView* w : Op::weights(args))
      if (const char* reason = panel_unsupported(*w, kType, kProducts)) return reason;
    return nullptr;
  };
  const auto run = [](const Args& args, Stream& stream) { Op::run(args, stream, kProducts); };
  return {name,
          unsupported,
          run,
          Layout::kPacked,
          /*invariant=*/true,
          inputs};
}

/// The shared rows, then `more`; on other processors than x86-64 only those, and a list may be empty.
template <class Op, class... More>
constexpr auto panel_kernels(More... more) {
#if defined(QWENCH_X86)
  return std::array<Kernel<typename Op::Args>, 14 + sizeof...(More)>{
      panel_kernel<Op, DType::kF32, kPanelAvx512>("f32_panel_avx512"),
      panel_kernel<Op, DType::kF16, kPanelAvx512>("f16_panel_avx512"),
      panel_kernel<Op, DType::kBF16, kPanelAvx512>("bf16_panel_avx512"),
      panel_kernel<Op, DType::kQ8_0, kPanelAvx512>("q8_0_intdot_avx512vnni"),
      panel_kernel<Op, DType::kQ4_0, kPanelAvx512>("q4_0_intdot_avx512vnni"),
      panel_kernel<Op, DType::kQ4G, kPanelAvx512>("q4g_intdot_avx512vnni"),
      panel_kernel<Op, DType::kF32, kPanelAvx2>("f32_panel_avx2"),
      panel_kernel<Op, DType::kF16, kPanelAvx2>("f16_panel_avx2"),
      panel_kernel<Op, DType::kBF16, kPanelAvx2>("bf16_panel_avx2"),
      panel_kernel<Op, DType::kQ8_0, kPanelAvx2>("q8_0_intdot_avx2"),
      panel_kernel<Op, DType::kQ4_0, kPanelAvx2>("q4_0_intdot_avx2"),
      panel_kernel<Op, DType::kQ4G, kPanelAvx2>("q4g_intdot_avx2"),
      panel_kernel<Op, DType::kQ8_0, kPanelAvx2Int7>("q8_0_int7dot_avx2", InputPrecision::kInt7),
      panel_kernel<Op, DType::kBF16, kPanelAvx512Bf16>("bf16_dot_avx512bf16",
                                                       InputPrecision::kBF16),
      more...};
#else
  return std::array<Kernel<typename Op::Args>, sizeof...(More)>{more...};
#endif
}

}  // namespace qwench::cpu
