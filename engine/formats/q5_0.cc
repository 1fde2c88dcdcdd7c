// Q5_0: 32 weights as 5-bit integers, w = d * (q - 16). 5.5 bits a weight. The low four bits are
// nibbles as in q4_0, the fifth of weight i is bit i of a 32-bit word.
#include "engine/formats/gguf_block.h"

namespace qwench {

namespace {

struct BlockQ5_0 {
  static constexpr int64_t kElements = 32;
  uint16_t d;      // f16
  uint8_t qh[4];   // fifth bits, little-endian
  uint8_t qs[16];  // nibbles
};
static_assert(sizeof(BlockQ5_0) == 22);

void decode_block(const BlockQ5_0& block, float* to) {
  const float d = f16_to_f32(block.d);
  uint32_t fifth;
  std::memcpy(&fifth, block.qh, sizeof fifth);
  for (int i = 0; i < 16; ++i) {
    to[i] = d * float(int((block.qs[i] & 15) | (fifth >> i & 1) << 4) - 16);
    to[i + 16] = d * float(int((block.qs[i] >> 4) | (fifth >> (i + 16) & 1) << 4) - 16);
  }
}

}  // namespace

const GgufType kGgufQ5_0 = {
    6, "Q5_0", BlockQ5_0::kElements, sizeof(BlockQ5_0), {}, decode_blocks<BlockQ5_0, decode_block>};

}  // namespace qwench
