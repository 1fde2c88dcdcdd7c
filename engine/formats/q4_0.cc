// Without importance, rounding as ggml's quantize_row_q4_0_ref: the weight of largest magnitude
// becomes exactly -8, so the scale carries its sign; the others are rounded by adding a half and
// cutting. With importance, that and a range of scales around it compete.
#include "engine/formats/q4_0.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/base/dtype.h"

namespace qwench {

namespace {

constexpr int64_t kHalf = kQuantBlock / 2;
constexpr uint16_t kNaN = 0x7e00;

/// The weight of largest magnitude, the first of equals; NaN when one of them is not finite.
float extreme_of(const float* w) {
  float extreme = 0;
  for (int64_t i = 0; i < kQuantBlock; ++i) {
    if (!std::isfinite(w[i])) return std::numeric_limits<float>::quiet_NaN();
    if (std::fabs(w[i]) > std::fabs(extreme)) extreme = w[i];
  }
  return extreme;
}

/// 1 / d, or 0 where d is 0 or too small to have one in f32 (its f16 is 0 too).
float inverse_of(float d) {
  const float inverse = d != 0 ? 1.0f / d : 0.0f;
  return std::isfinite(inverse) ? inverse : 0.0f;
}

uint8_t cut(float w, float inverse) {
  return uint8_t(std::min(15, int(int8_t(w * inverse + 8.5f))));
}

void encode_as_ggml(const float* w, float extreme, BlockQ4_0* to) {
  const float d = extreme / -8.0f, inverse = inverse_of(d);
  to->d = f32_to_f16(d);
  for (int64_t i = 0; i < kHalf; ++i)
    to->qs[i] = uint8_t(cut(w[i], inverse) | cut(w[i + kHalf], inverse) << 4);
}

/// The integer nearest to v that the format has.
float nearest(float v) { return float(int(std::min(std::max(v, -8.0f), 7.0f) + 8.5f) - 8); }

void encode_with_scale(const float* w, uint16_t d, BlockQ4_0* to) {
  const float inverse = inverse_of(f16_to_f32(d));
  to->d = d;
  for (int64_t i = 0; i < kHalf; ++i) {
    const int low = int(nearest(w[i] * inverse)), high = int(nearest(w[i + kHalf] * inverse));
    to->qs[i] = uint8_t((low + 8) | (high + 8) << 4);
  }
}

double weighted_error(const BlockQ4_0& block, const float* w, const float* importance) {
  float decoded[kQuantBlock];
  decode_q4_0(&block, kQuantBlock, decoded);
  double sum = 0;
  for (int64_t i = 0; i < kQuantBlock; ++i) {
    const double error = double(w[i]) - double(decoded[i]);
    sum += double(importance[i]) * error * error;
  }
  return sum;
}

/// The best scale for the integers that a first guess of the scale gives (least squares).
float refined(const float* w, const float* importance, float inverse) {
  double num = 0, den = 0;
  for (int64_t i = 0; i < kQuantBlock; ++i) {
    const double q = nearest(w[i] * inverse), weight = importance[i];
    num += weight * q * double(w[i]);
    den += weight * q * q;
  }
  return den > 0 ? float(num / den) : 0.0f;
}

/// The extreme weight at 5.5 .. 10.5 steps from zero on either side, each scale refined.
void search(const float* w, const float* importance, float extreme, BlockQ4_0* best) {
  double least = weighted_error(*best, w, importance);
  for (int step = -21; step <= 21; ++step) {
    const float end = (step < 0 ? -5.25f : 5.25f) + float(step) * 0.25f;
    const float inverse = inverse_of(extreme) * end;
    const uint16_t d = f32_to_f16(refined(w, importance, inverse));
    if ((d & 0x7c00) == 0x7c00 || (d & 0x7fff) == 0) continue;
    BlockQ4_0 block;
    encode_with_scale(w, d, &block);
    const double error = weighted_error(block, w, importance);
    if (error < least) *best = block, least = error;
  }
}

}  // namespace

void encode_q4_0(const float* w, int64_t n, const float* importance, BlockQ4_0* to) {
  for (int64_t first = 0; first < n; first += kQuantBlock, ++to) {
    const float extreme = extreme_of(w + first);
    if (std::isnan(extreme)) {
      *to = {kNaN, {}};
      continue;
    }
    encode_as_ggml(w + first, extreme, to);
    if (importance && extreme != 0) search(w + first, importance + first, extreme, to);
  }
}

void decode_q4_0(const BlockQ4_0* from, int64_t n, float* to) {
  for (int64_t first = 0; first < n; first += kQuantBlock, ++from, to += kQuantBlock) {
    const float d = f16_to_f32(from->d);
    for (int64_t i = 0; i < kHalf; ++i) {
      to[i] = d * float(int(from->qs[i] & 15) - 8);
      to[i + kHalf] = d * float(int(from->qs[i] >> 4) - 8);
    }
  }
}

}  // namespace qwench
