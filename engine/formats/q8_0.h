// q8_0: 32 weights as int8 with one f16 scale, w = d * q. 8.5 bits a weight.
// Source: GGUF's type 8 (ggml block_q8_0), bit for bit.
#pragma once
#include <cstdint>

namespace qwench {

struct BlockQ8_0 {
  uint16_t d;    // f16
  int8_t q[32];  // round(w / d), d = max|w| / 127
};
static_assert(sizeof(BlockQ8_0) == 34);

/// n weights of a row (a multiple of 32) to blocks, as ggml's reference rounds them.
/// Finite weights beyond 127 * 65504 overflow the scale to infinity, as they do in ggml; a block
/// with a weight that is not finite gets the scale NaN.
void encode_q8_0(const float* w, int64_t n, BlockQ8_0* to);

/// Blocks to n weights of a row (a multiple of 32).
void decode_q8_0(const BlockQ8_0* from, int64_t n, float* to);

}  // namespace qwench
