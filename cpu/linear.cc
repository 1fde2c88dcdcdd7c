// linear: y = x @ W^T (+ bias).
#include <vector>

#include "cpu/linear_eigen.h"
#include "cpu/ops.h"
#include "cpu/panel_matmul.h"
#include "cpu/plain_weight.h"

namespace qwench::cpu {

namespace {

void linear_reference(const LinearArgs& a, Stream& stream) {
  team_of(stream).parallel_for(a.w.out, 8, [&](int64_t begin, int64_t end, int) {
    std::vector<float> decoded(size_t(a.w.in));
    for (int64_t o = begin; o < end; ++o) {
      const float* w = plain_row(a.w, o, decoded.data());
      for (int64_t t = 0; t < a.x.rows(); ++t) {
        const float* x = a.x.row<const float>(t);
        double sum = 0;
        for (int64_t k = 0; k < a.w.in; ++k) sum += double(x[k]) * double(w[k]);
        if (a.bias) sum += double(a.bias.as<const float>()[o]);
        a.y.row<float>(t)[o] = float(sum);
      }
    }
  });
}
const char* reference_unsupported(const LinearArgs& a) { return needs_plain(a.w); }

void linear_panel(const LinearArgs& a, Stream& stream) {
  panel_matmul_avx2(team_of(stream), &a, 1);
}
template <DType kType>
const char* panel_unsupported(const LinearArgs& a) {
  return panel_avx2_unsupported(a.w, kType);
}

constexpr Kernel<LinearArgs> kLinear[] = {
    {"f32_panel_avx2", panel_unsupported<DType::kF32>, linear_panel, Layout::kPacked},
    {"f16_panel_avx2", panel_unsupported<DType::kF16>, linear_panel, Layout::kPacked},
    {"bf16_panel_avx2", panel_unsupported<DType::kBF16>, linear_panel, Layout::kPacked},
    {"q8_0_intdot_avx2", panel_unsupported<DType::kQ8_0>, linear_panel, Layout::kPacked, kInvariant,
     kRoundsInputs},
    {"q4_0_intdot_avx2", panel_unsupported<DType::kQ4_0>, linear_panel, Layout::kPacked, kInvariant,
     kRoundsInputs},
    {"q4g_intdot_avx2", panel_unsupported<DType::kQ4G>, linear_panel, Layout::kPacked, kInvariant,
     kRoundsInputs},
    {"eigen", eigen_unsupported, linear_eigen, Layout::kPlain, /*invariant=*/false},
    {"reference", reference_unsupported, linear_reference},
};

}  // namespace

KernelList<LinearArgs> linear_kernels() { return kLinear; }

}  // namespace qwench::cpu
