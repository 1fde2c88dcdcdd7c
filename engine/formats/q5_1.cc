// Q5_1: 32 weights as 5-bit integers, w = d * q + m. 6 bits a weight; bits laid out as in Q5_0.
#include "engine/formats/gguf_block.h"

namespace qwench {

namespace {

struct BlockQ5_1 {
  static constexpr int64_t kElements = 32;
  uint16_t d, m;   // f16
  uint8_t qh[4];   // fifth bits, little-endian
  uint8_t qs[16];  // nibbles
};
static_assert(sizeof(BlockQ5_1) == 24);

void decode_block(const BlockQ5_1& block, float* to) {
  const float d = f16_to_f32(block.d), m = f16_to_f32(block.m);
  uint32_t fifth;
  std::memcpy(&fifth, block.qh, sizeof fifth);
  for (int i = 0; i < 16; ++i) {
    to[i] = d * float((block.qs[i] & 15) | (fifth >> i & 1) << 4) + m;
    to[i + 16] = d * float((block.qs[i] >> 4) | (fifth >> (i + 16) & 1) << 4) + m;
  }
}

}  // namespace

const GgufType kGgufQ5_1 = {
    7, "Q5_1", BlockQ5_1::kElements, sizeof(BlockQ5_1), {}, decode_blocks<BlockQ5_1, decode_block>};

}  // namespace qwench
