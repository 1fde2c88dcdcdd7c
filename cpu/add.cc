// add: x += delta.
#include "cpu/ops.h"
#include "cpu/plugin_args.h"

namespace qwench::cpu {

namespace {

void add_reference(const AddArgs& a, Stream&) {
  const float* delta = a.delta.as<const float>();
  float* x = a.x.as<float>();
  for (int64_t i = 0; i < a.x.shape.count(); ++i) x[i] += delta[i];
}

constexpr Kernel<AddArgs> kAdd[] = {{"reference", always_supported<AddArgs>, add_reference}};

void to_c(const AddArgs& a, QwenchArgs& to) { to.add = {matrix(a.delta), matrix(a.x)}; }

}  // namespace

template <>
CpuOp<AddArgs> cpu_op() {
  return {kAdd, to_c};
}

}  // namespace qwench::cpu
