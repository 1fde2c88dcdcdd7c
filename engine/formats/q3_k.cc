// Q3_K: 256 weights in 16 groups of 16, w = d * (scale - 32) * (q - 4) with 3-bit q and a 6-bit
// scale per group. 3.4375 bits a weight.
#include "engine/formats/gguf_block.h"

namespace qwench {

namespace {

struct BlockQ3_K {
  static constexpr int64_t kElements = kSuperBlock;
  uint8_t hmask[32];   // third bits: bit b of byte i is that of weight 32 * b + i
  uint8_t qs[64];      // low two bits, laid out as in Q2_K
  uint8_t scales[12];  // low nibbles of 16 scales in 8 bytes, then the upper two bits in 4
  uint16_t d;          // f16
};
static_assert(sizeof(BlockQ3_K) == 110);

int scale_of(const uint8_t packed[12], int group) {
  const int low = packed[group % 8] >> (group / 8 * 4) & 15;
  const int high = packed[8 + group % 4] >> (group / 4 * 2) & 3;
  return (low | high << 4) - 32;
}

void decode_block(const BlockQ3_K& block, float* to) {
  const float d = f16_to_f32(block.d);
  for (int group = 0; group < 16; ++group, to += 16) {
    const float scale = d * float(scale_of(block.scales, group));
    const int half = group / 8, shift = group % 8 / 2 * 2, first = group % 2 * 16;
    const uint8_t* qs = block.qs + half * 32 + first;
    const uint8_t* third = block.hmask + first;
    for (int i = 0; i < 16; ++i)
      to[i] = scale * float((qs[i] >> shift & 3) + (third[i] >> (group / 2) & 1) * 4 - 4);
  }
}

}  // namespace

const GgufType kGgufQ3_K = {11,
                            "Q3_K",
                            BlockQ3_K::kElements,
                            sizeof(BlockQ3_K),
                            {},
                            decode_blocks<BlockQ3_K, decode_block>};

}  // namespace qwench
