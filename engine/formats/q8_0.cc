// Rounding as ggml's quantize_row_q8_0_ref: the scale is rounded to f16 only for storage, the
// weights are divided by the unrounded one, halves away from zero.
#include "engine/formats/q8_0.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/base/dtype.h"

namespace qwench {

namespace {

constexpr uint16_t kNaN = 0x7e00;

/// The largest magnitude; NaN when a weight is not finite.
float largest_of(const float* w) {
  float largest = 0;
  for (int64_t i = 0; i < kQuantBlock; ++i) {
    if (!std::isfinite(w[i])) return std::numeric_limits<float>::quiet_NaN();
    largest = std::max(largest, std::fabs(w[i]));
  }
  return largest;
}

}  // namespace

void encode_q8_0(const float* w, int64_t n, BlockQ8_0* to) {
  for (int64_t first = 0; first < n; first += kQuantBlock, ++to, w += kQuantBlock) {
    const float d = largest_of(w) / 127.0f;
    if (std::isnan(d)) {
      *to = {kNaN, {}};
      continue;
    }
    to->d = f32_to_f16(d);
    // below 2^-128 a scale has no inverse in f32; its f16 is 0 as well
    const float inverse = d > 0x1p-128f ? 1.0f / d : 0.0f;
    for (int64_t i = 0; i < kQuantBlock; ++i) to->q[i] = int8_t(std::round(w[i] * inverse));
  }
}

void decode_q8_0(const BlockQ8_0* from, int64_t n, float* to) {
  for (int64_t first = 0; first < n; first += kQuantBlock, ++from, to += kQuantBlock) {
    const float d = f16_to_f32(from->d);
    for (int64_t i = 0; i < kQuantBlock; ++i) to[i] = d * float(from->q[i]);
  }
}

}  // namespace qwench
