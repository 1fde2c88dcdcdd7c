// See exact_q4_0.h. value / scale is the integer without rounding, because the product was exact: a
// scale of 11 bits times an integer of 4.
#include "engine/checkpoint/exact_q4_0.h"

#include <cmath>
#include <cstring>

#include "engine/base/dtype.h"
#include "engine/formats/q4_0.h"

namespace qwench {
namespace {

constexpr int64_t kHalf = kQuantBlock / 2;

uint8_t nibble(float value, float scale) {
  // with a scale of zero only the sign of the integer is left
  if (scale == 0) return std::signbit(value) == std::signbit(scale) ? 8 : 0;
  return uint8_t((std::lround(value / scale) + 8) & 15);
}

bool write_block(const float* values, float scale, BlockQ4_0* to) {
  to->d = f32_to_f16(scale);
  for (int64_t i = 0; i < kHalf; ++i)
    to->qs[i] = uint8_t(nibble(values[i], scale) | nibble(values[i + kHalf], scale) << 4);
  float back[kQuantBlock];
  decode_q4_0(to, kQuantBlock, back);
  return std::memcmp(back, values, sizeof back) == 0;
}

}  // namespace

bool all_in_f16(const std::vector<float>& values) {
  for (const float value : values)
    if (f16_to_f32(f32_to_f16(value)) != value) return false;
  return true;
}

bool write_exact_q4_0(const float* values, const float* scales, int64_t rows, int64_t cols,
                      void* to) {
  auto* block = static_cast<BlockQ4_0*>(to);
  for (int64_t i = 0; i < rows * cols / kQuantBlock; ++i)
    if (!write_block(values + i * kQuantBlock, scales[i], block++)) return false;
  return true;
}

}  // namespace qwench
