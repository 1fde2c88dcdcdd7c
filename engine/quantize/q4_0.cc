// Rounding as ggml's quantize_row_q4_0_ref: the weight of largest magnitude becomes exactly -8, so
// the scale carries its sign; the others are rounded by adding a half and cutting.
#include "engine/quantize/q4_0.h"

#include <algorithm>
#include <cmath>

#include "engine/dtype.h"

namespace qwench {

namespace {

uint8_t nibble(float w, float inverse) {
  return uint8_t(std::min(15, int(int8_t(w * inverse + 8.5f))));
}

}  // namespace

void encode_q4_0(const float* w, int64_t n, BlockQ4_0* to) {
  constexpr int64_t kHalf = kQuantBlock / 2;
  for (int64_t first = 0; first < n; first += kQuantBlock, ++to, w += kQuantBlock) {
    float extreme = 0;  // the weight of largest magnitude, with its sign
    for (int64_t i = 0; i < kQuantBlock; ++i)
      if (std::fabs(w[i]) > std::fabs(extreme)) extreme = w[i];
    const float d = extreme / -8.0f, inverse = d != 0 ? 1.0f / d : 0.0f;
    to->d = f32_to_f16(d);
    for (int64_t i = 0; i < kHalf; ++i)
      to->qs[i] = uint8_t(nibble(w[i], inverse) | nibble(w[i + kHalf], inverse) << 4);
  }
}

void decode_q4_0(const BlockQ4_0* from, int64_t n, float* to) {
  constexpr int64_t kHalf = kQuantBlock / 2;
  for (int64_t first = 0; first < n; first += kQuantBlock, ++from, to += kQuantBlock) {
    const float d = f16_to_f32(from->d);
    for (int64_t i = 0; i < kHalf; ++i) {
      to[i] = d * float(int(from->qs[i] & 15) - 8);
      to[i + kHalf] = d * float(int(from->qs[i] >> 4) - 8);
    }
  }
}

}  // namespace qwench
