// argmax: the first index of the largest logit below `limit`, and how many of all of them are NaN or Inf.
#include <cmath>

#include "cpu/argmax_avx2.h"
#include "cpu/ops.h"
#include "cpu/plugin_args.h"

namespace qwench::cpu {

namespace {

void argmax_reference(const ArgmaxArgs& a, Stream&) {
  for (int64_t t = 0; t < a.logits.rows(); ++t) {
    const float* logits = a.logits.row<const float>(t);
    int32_t best = 0;
    for (int64_t i = 1; i < a.limit; ++i)
      if (logits[i] > logits[best]) best = int32_t(i);
    a.ids.as<int32_t>()[t] = best;
    int32_t bad = 0;
    for (int64_t i = 0; i < a.logits.cols(); ++i) bad += !std::isfinite(logits[i]);
    a.nonfinite.as<int32_t>()[t] = bad;
  }
}

#if defined(QWENCH_X86)
const char* avx2_unsupported(const ArgmaxArgs&) { return avx2_missing(); }
void avx2(const ArgmaxArgs& a, Stream& stream) { argmax_avx2(team_of(stream), a); }
#endif

constexpr Kernel<ArgmaxArgs> kArgmax[] = {
#if defined(QWENCH_X86)
    {"f32_twopass_avx2", avx2_unsupported, avx2},
#endif
    {"reference", always_supported<ArgmaxArgs>, argmax_reference},
};

void to_c(const ArgmaxArgs& a, QwenchArgs& to) {
  to.argmax = {matrix(a.logits), tensor(a.ids), a.limit, tensor(a.nonfinite)};
}

}  // namespace

template <>
CpuOp<ArgmaxArgs> cpu_op() {
  return {kArgmax, to_c};
}

}  // namespace qwench::cpu
