// linear: y = x @ W^T (+ bias), or y += that.
#include <vector>

#include "cpu/linear_eigen.h"
#include "cpu/ops.h"
#include "cpu/panel_kernels.h"
#include "cpu/plain_weight.h"
#include "cpu/plugin_args.h"

namespace qwench::cpu {

namespace {

void linear_reference(const LinearArgs& a, Stream& stream) {
  const int32_t* const order = a.w.order.as<const int32_t>();
  team_of(stream).parallel_for(a.w.out, 8, [&](int64_t begin, int64_t end, int) {
    std::vector<float> decoded(size_t(a.w.in));
    for (int64_t o = begin; o < end; ++o) {
      const float* w = plain_row(a.w, o, decoded.data());
      for (int64_t t = 0; t < a.x.rows(); ++t) {
        const float* x = a.x.row<const float>(t);
        double sum = 0;
        for (int64_t k = 0; k < a.w.in; ++k) sum += double(x[order ? order[k] : k]) * double(w[k]);
        if (a.bias) sum += double(a.bias.as<const float>()[o]);
        float& y = a.y.row<float>(t)[o];
        y = a.add ? y + float(sum) : float(sum);
      }
    }
  });
}
const char* reference_unsupported(const LinearArgs& a) { return needs_plain(a.w); }

const char* eigen_unsupported(const LinearArgs& a) {
  if (eigen_rows_per_block(a.w) == 0) return "a row of weights exceeds the scratch memory";
  return needs_plain(a.w);
}
void linear_eigen(const LinearArgs& a, Stream& stream) {
#if defined(QWENCH_X86)
  if (!avx2_missing()) return linear_eigen_avx2(team_of(stream), a);
#endif
  linear_eigen_base(team_of(stream), a);
}

struct Linear {
  using Args = LinearArgs;
  static std::array<const WeightView*, 1> weights(const Args& a) { return {&a.w}; }
  static void run(const Args& a, Stream& stream, const PanelProducts& products) {
    panel_matmul(team_of(stream), {a.x, {}, 0, {}}, &a, 1, products);
  }
};

constexpr auto kLinear = panel_kernels<Linear>(
    Kernel<LinearArgs>{"eigen", eigen_unsupported, linear_eigen, Layout::kPlain,
                       /*invariant=*/false},
    honouring(Kernel<LinearArgs>{"reference", reference_unsupported, linear_reference},
              {Option::kInputOrder}));

void to_c(const LinearArgs& a, QwenchArgs& to) {
  to.linear = {matrix(a.x), weight(a.w), tensor(a.bias), matrix(a.y), a.add};
}

}  // namespace

template <>
CpuOp<LinearArgs> cpu_op() {
  return {kLinear, to_c};
}

}  // namespace qwench::cpu
