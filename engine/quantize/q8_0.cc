// Rounding as ggml's quantize_row_q8_0_ref: the scale is rounded to f16 only for storage, the
// weights are divided by the unrounded one, halves away from zero.
#include "engine/quantize/q8_0.h"

#include <algorithm>
#include <cmath>

#include "engine/dtype.h"

namespace qwench {

void encode_q8_0(const float* w, int64_t n, BlockQ8_0* to) {
  for (int64_t first = 0; first < n; first += kQuantBlock, ++to, w += kQuantBlock) {
    float largest = 0;
    for (int64_t i = 0; i < kQuantBlock; ++i) largest = std::max(largest, std::fabs(w[i]));
    const float d = largest / 127.0f, inverse = d != 0 ? 1.0f / d : 0.0f;
    to->d = f32_to_f16(d);
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
