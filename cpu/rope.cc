// rope: rotary position embedding, in place.
#include "cpu/ops.h"
#include "cpu/plugin_args.h"

namespace qwench::cpu {

namespace {

void rope_reference(const RopeArgs& a, Stream&) {
  const Rotation& r = a.rotation;
  const int64_t n_heads = a.x.shape[1], half = r.cos.cols();
  const int64_t capacity = r.cos.shape[r.cos.shape.rank - 2];
  for (int64_t t = 0; t < a.x.shape[0]; ++t) {
    const int64_t table = r.tables ? r.tables.as<const int32_t>()[t] : 0;
    const int32_t* positions = r.positions.row<const int32_t>(t);
    for (int64_t j = 0; j < half; ++j) {
      const int64_t axis = r.axes ? r.axes.as<const int32_t>()[j] : 0;
      const int64_t row = table * capacity + positions[axis];
      const float cos = r.cos.row<const float>(row)[j], sin = r.sin.row<const float>(row)[j];
      for (int64_t h = 0; h < n_heads; ++h) {
        float* x = a.x.row<float>(t * n_heads + h);
        const double first = x[j], second = x[j + half];
        x[j] = float(first * cos - second * sin);
        x[j + half] = float(second * cos + first * sin);
      }
    }
  }
}

constexpr Kernel<RopeArgs> kRope[] = {
    honouring(Kernel<RopeArgs>{"reference", always_supported<RopeArgs>, rope_reference},
              {Option::kPositionAxes, Option::kRopeTables})};

void to_c(const RopeArgs& a, QwenchArgs& to) { to.rope = {tensor(a.x), rotation(a.rotation)}; }

}  // namespace

template <>
CpuOp<RopeArgs> cpu_op() {
  return {kRope, to_c};
}

}  // namespace qwench::cpu
