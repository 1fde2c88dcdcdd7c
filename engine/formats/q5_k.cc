// Q5_K: Q4_K with a fifth bit: 256 weights in 8 groups of 32, w = d * scale * q - dmin * min with
// 5-bit q and 6-bit scale and min per group. 5.5 bits a weight.
#include "engine/formats/gguf_block.h"

namespace qwench {

namespace {

struct BlockQ5_K {
  static constexpr int64_t kElements = kSuperBlock;
  uint16_t d, dmin;    // f16
  uint8_t scales[12];  // scale_min()
  uint8_t qh[32];      // fifth bits: bit g of byte i is that of weight i of group g
  uint8_t qs[128];     // low four bits, laid out as in Q4_K
};
static_assert(sizeof(BlockQ5_K) == 176);

void decode_block(const BlockQ5_K& block, float* to) {
  const float d = f16_to_f32(block.d), dmin = f16_to_f32(block.dmin);
  for (int group = 0; group < 8; ++group, to += 32) {
    const ScaleMin packed = scale_min(block.scales, group);
    const float scale = d * float(packed.scale), min = dmin * float(packed.min);
    const uint8_t* qs = block.qs + group / 2 * 32;
    const int shift = group % 2 * 4;
    for (int i = 0; i < 32; ++i) {
      const int q = (qs[i] >> shift & 15) | (block.qh[i] >> group & 1) << 4;
      to[i] = scale * float(q) - min;
    }
  }
}

}  // namespace

const GgufType kGgufQ5_K = {13,
                            "Q5_K",
                            BlockQ5_K::kElements,
                            sizeof(BlockQ5_K),
                            {},
                            decode_blocks<BlockQ5_K, decode_block>};

}  // namespace qwench
