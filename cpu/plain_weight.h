// Element access to the plain layout, for the reference kernels.
#pragma once
#include "engine/tensor.h"

namespace qwench::cpu {

/// w[row, k] as f32.
inline float weight_at(const WeightView& w, int64_t row, int64_t k) {
  const int64_t i = row * w.in + k;
  switch (w.dtype) {
    case DType::kF32: return static_cast<const float*>(w.plain)[i];
    case DType::kF16: return f16_to_f32(static_cast<const uint16_t*>(w.plain)[i]);
    case DType::kBF16: return bf16_to_f32(static_cast<const uint16_t*>(w.plain)[i]);
    case DType::kI32: break;
  }
  return 0;
}

inline const char* needs_plain(const WeightView& w) {
  return w.plain ? nullptr : "the plain [out, in] layout is not held";
}

}  // namespace qwench::cpu
