// The bits are read off a type's name: q8_0, Q4_K, IQ4_XS, "gptq int4 g128", "fp8 e4m3 128x128".
#include "bench/accuracy/weight_precision.h"

#include <algorithm>

namespace qwench::bench {

namespace {

WeightPrecision precision_of_type(std::string_view name) {
  for (const char c : name)
    if (c >= '0' && c <= '9')
      return c == '8' ? WeightPrecision::k8Bit : WeightPrecision::kBelow8Bit;
  return WeightPrecision::kBelow8Bit;
}

WeightPrecision precision_of_type(DType type) {
  return is_quantized(type) ? precision_of_type(name_of(type)) : WeightPrecision::kFloat;
}

}  // namespace

const char* name_of(WeightPrecision precision) {
  constexpr const char* kNames[kWeightPrecisions] = {"16 bits and more", "8 bits", "below 8 bits"};
  return kNames[size_t(precision)];
}

WeightPrecision precision_of(const Checkpoint& checkpoint, const ModelOptions& options) {
  WeightPrecision coarsest = options.dtype.empty() ? WeightPrecision::kFloat
                                                   : precision_of_type(parse_dtype(options.dtype));
  for (const TensorInfo& t : checkpoint.tensors())
    if (t.shape.rank == 2)
      coarsest = std::max(
          coarsest, t.stored.empty() ? precision_of_type(t.dtype) : precision_of_type(t.stored));
  return coarsest;
}

bool same_weights(const ModelOptions& a, const ModelOptions& b) {
  return a.model == b.model && a.dtype == b.dtype && a.seed == b.seed;
}

WeightPrecision judged_as(WeightPrecision candidate, bool same_weights_as_reference) {
  return same_weights_as_reference ? std::min(candidate, WeightPrecision::k8Bit) : candidate;
}

}  // namespace qwench::bench
