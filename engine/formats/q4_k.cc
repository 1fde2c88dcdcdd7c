// Q4_K: 256 weights in 8 groups of 32, w = d * scale * q - dmin * min with 4-bit q and 6-bit scale
// and min per group. 4.5 bits a weight.
#include "engine/formats/gguf_block.h"

namespace qwench {

namespace {

struct BlockQ4_K {
  static constexpr int64_t kElements = kSuperBlock;
  uint16_t d, dmin;    // f16
  uint8_t scales[12];  // scale_min()
  uint8_t qs[128];     // 32 bytes per two groups: the first in the low nibbles, the second above
};
static_assert(sizeof(BlockQ4_K) == 144);

void decode_block(const BlockQ4_K& block, float* to) {
  const float d = f16_to_f32(block.d), dmin = f16_to_f32(block.dmin);
  for (int group = 0; group < 8; ++group, to += 32) {
    const ScaleMin packed = scale_min(block.scales, group);
    const float scale = d * float(packed.scale), min = dmin * float(packed.min);
    const uint8_t* qs = block.qs + group / 2 * 32;
    const int shift = group % 2 * 4;
    for (int i = 0; i < 32; ++i) to[i] = scale * float(qs[i] >> shift & 15) - min;
  }
}

}  // namespace

const GgufType kGgufQ4_K = {12,
                            "Q4_K",
                            BlockQ4_K::kElements,
                            sizeof(BlockQ4_K),
                            {},
                            decode_blocks<BlockQ4_K, decode_block>};

}  // namespace qwench
