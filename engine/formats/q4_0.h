// q4_0: 32 weights as 4-bit integers -8..7 with one f16 scale, w = d * (nibble - 8). 4.5 bits a
// weight. Byte i holds weight i in its low and weight i + 16 in its high nibble.
// Source: GGUF's type 2 (ggml block_q4_0), bit for bit.
#pragma once
#include <cstdint>

namespace qwench {

struct BlockQ4_0 {
  uint16_t d;      // f16
  uint8_t qs[16];  // nibbles
};
static_assert(sizeof(BlockQ4_0) == 18);

/// n weights of a row (a multiple of 32) to blocks.
/// importance: null for ggml's reference rounding, bit for bit; or n weights >= 0 of the squared
/// errors, for the scale that a search finds best by them (never worse than without).
/// Finite weights beyond 8 * 65504 overflow the scale to infinity, as they do in ggml; a block with
/// a weight that is not finite gets the scale NaN.
void encode_q4_0(const float* w, int64_t n, const float* importance, BlockQ4_0* to);

/// Blocks to n weights of a row (a multiple of 32).
void decode_q4_0(const BlockQ4_0* from, int64_t n, float* to);

}  // namespace qwench
