// Q2_K: 256 weights in 16 groups of 16, w = d * scale * q - dmin * min with 2-bit q and 4-bit scale
// and min per group. 2.625 bits a weight.
#include "engine/formats/gguf_block.h"

namespace qwench {

namespace {

struct BlockQ2_K {
  static constexpr int64_t kElements = kSuperBlock;
  uint8_t scales[16];  // scale in the low, min in the high nibble
  uint8_t qs[64];      // 32 bytes per 128 weights: bits 0-1 hold the first 32 of them, bits 2-3 ...
  uint16_t d, dmin;    // f16
};
static_assert(sizeof(BlockQ2_K) == 84);

void decode_block(const BlockQ2_K& block, float* to) {
  const float d = f16_to_f32(block.d), dmin = f16_to_f32(block.dmin);
  for (int group = 0; group < 16; ++group, to += 16) {
    const float scale = d * float(block.scales[group] & 15);
    const float min = dmin * float(block.scales[group] >> 4);
    const int half = group / 8, shift = group % 8 / 2 * 2;
    const uint8_t* qs = block.qs + half * 32 + group % 2 * 16;
    for (int i = 0; i < 16; ++i) to[i] = scale * float(qs[i] >> shift & 3) - min;
  }
}

}  // namespace

const GgufType kGgufQ2_K = {10,
                            "Q2_K",
                            BlockQ2_K::kElements,
                            sizeof(BlockQ2_K),
                            {},
                            decode_blocks<BlockQ2_K, decode_block>};

}  // namespace qwench
