// Q4_1: 32 weights, w = d * nibble + m. 5 bits a weight. Nibbles as in q4_0: weight i in the low,
// weight i + 16 in the high half of byte i.
#include "engine/formats/gguf_block.h"

namespace qwench {

namespace {

struct BlockQ4_1 {
  static constexpr int64_t kElements = 32;
  uint16_t d, m;   // f16
  uint8_t qs[16];  // nibbles
};
static_assert(sizeof(BlockQ4_1) == 20);

void decode_block(const BlockQ4_1& block, float* to) {
  const float d = f16_to_f32(block.d), m = f16_to_f32(block.m);
  for (int i = 0; i < 16; ++i) {
    to[i] = d * float(block.qs[i] & 15) + m;
    to[i + 16] = d * float(block.qs[i] >> 4) + m;
  }
}

}  // namespace

const GgufType kGgufQ4_1 = {
    3, "Q4_1", BlockQ4_1::kElements, sizeof(BlockQ4_1), {}, decode_blocks<BlockQ4_1, decode_block>};

}  // namespace qwench
