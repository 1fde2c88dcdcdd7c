// Element access to the plain layout, for the reference kernels.
#pragma once
#include "engine/base/tensor.h"
#include "engine/formats/format.h"

namespace qwench::cpu {

/// w[row, k] as f32; not for quantised types.
inline float weight_at(const WeightView& w, int64_t row, int64_t k) {
  const int64_t i = row * w.in + k;
  switch (w.dtype) {
    case DType::kF32: return static_cast<const float*>(w.plain)[i];
    case DType::kF16: return f16_to_f32(static_cast<const uint16_t*>(w.plain)[i]);
    case DType::kBF16: return bf16_to_f32(static_cast<const uint16_t*>(w.plain)[i]);
    default: break;
  }
  return 0;
}

/// Row `row` as f32 [in]: the row itself, or decoded into `to`, which holds `in` floats.
inline const float* plain_row(const WeightView& w, int64_t row, float* to) {
  const char* at = static_cast<const char*>(w.plain) + row * row_bytes(w.dtype, w.in);
  if (w.dtype == DType::kF32) return reinterpret_cast<const float*>(at);
  decode_row(w.dtype, at, w.in, to);
  return to;
}

inline const char* needs_plain(const WeightView& w) {
  return w.plain ? nullptr : "the plain [out, in] layout is not held";
}

}  // namespace qwench::cpu
