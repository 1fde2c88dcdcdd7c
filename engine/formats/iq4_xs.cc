// IQ4_XS: the grid of IQ4_NL for 256 weights in 8 groups of 32, w = d * (scale - 32) * grid[nibble]
// with a 6-bit scale per group. 4.25 bits a weight.
#include "engine/formats/gguf_block.h"

namespace qwench {

namespace {

struct BlockIQ4_XS {
  static constexpr int64_t kElements = kSuperBlock;
  uint16_t d;           // f16
  uint16_t scales_h;    // upper two bits of the scales, group 0 lowest
  uint8_t scales_l[4];  // low nibbles of the scales, group 0 lowest
  uint8_t qs[128];      // 16 bytes a group, nibbles as in q4_0
};
static_assert(sizeof(BlockIQ4_XS) == 136);

void decode_block(const BlockIQ4_XS& block, float* to) {
  const float d = f16_to_f32(block.d);
  for (int group = 0; group < 8; ++group, to += 32) {
    const int low = block.scales_l[group / 2] >> (group % 2 * 4) & 15;
    const int high = block.scales_h >> (group * 2) & 3;
    const float scale = d * float((low | high << 4) - 32);
    const uint8_t* qs = block.qs + group * 16;
    for (int i = 0; i < 16; ++i) {
      to[i] = scale * float(kIq4Grid[qs[i] & 15]);
      to[i + 16] = scale * float(kIq4Grid[qs[i] >> 4]);
    }
  }
}

}  // namespace

const GgufType kGgufIQ4_XS = {23,
                              "IQ4_XS",
                              BlockIQ4_XS::kElements,
                              sizeof(BlockIQ4_XS),
                              {},
                              decode_blocks<BlockIQ4_XS, decode_block>};

}  // namespace qwench
