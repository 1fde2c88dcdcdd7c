// rope: rotary position embedding, in place.
#include "cpu/ops.h"
#include "cpu/plugin_args.h"

namespace qwench::cpu {

namespace {

void rope_reference(const RopeArgs& a, Stream&) {
  const int64_t n_heads = a.x.shape[1], half = a.cos.cols();
  for (int64_t t = 0; t < a.x.shape[0]; ++t) {
    const int64_t pos = a.positions.as<const int32_t>()[t];
    const float *cos = a.cos.row<const float>(pos), *sin = a.sin.row<const float>(pos);
    for (int64_t h = 0; h < n_heads; ++h) {
      float* x = a.x.row<float>(t * n_heads + h);
      for (int64_t j = 0; j < half; ++j) {
        const double first = x[j], second = x[j + half];
        x[j] = float(first * cos[j] - second * sin[j]);
        x[j + half] = float(second * cos[j] + first * sin[j]);
      }
    }
  }
}

constexpr Kernel<RopeArgs> kRope[] = {{"reference", always_supported<RopeArgs>, rope_reference}};

void to_c(const RopeArgs& a, QwenchArgs& to) {
  to.rope = {tensor(a.x), tensor(a.positions), tensor(a.cos), tensor(a.sin)};
}

}  // namespace

template <>
CpuOp<RopeArgs> cpu_op() {
  return {kRope, to_c};
}

}  // namespace qwench::cpu
