// gelu: y = x * Phi(x), Phi the normal distribution or its tanh approximation.
#include <cmath>

#include "cpu/ops.h"
#include "cpu/plugin_args.h"

namespace qwench::cpu {

namespace {

double phi(double x) { return 0.5 * std::erfc(-x * M_SQRT1_2); }
double phi_by_tanh(double x) {
  return 0.5 * (1 + std::tanh(std::sqrt(M_2_PI) * (x + 0.044715 * x * x * x)));
}

void gelu_reference(const GeluArgs& a, Stream&) {
  const float* x = a.x.as<const float>();
  for (int64_t i = 0; i < a.x.shape.count(); ++i)
    a.y.as<float>()[i] =
        float(double(x[i]) * (a.tanh ? phi_by_tanh(double(x[i])) : phi(double(x[i]))));
}

constexpr Kernel<GeluArgs> kGelu[] = {{"reference", always_supported<GeluArgs>, gelu_reference}};

void to_c(const GeluArgs& a, QwenchArgs& to) { to.gelu = {matrix(a.x), matrix(a.y), a.tanh}; }

}  // namespace

template <>
CpuOp<GeluArgs> cpu_op() {
  return {kGelu, to_c};
}

}  // namespace qwench::cpu
