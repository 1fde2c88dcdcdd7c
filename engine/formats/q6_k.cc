// Q6_K: 256 weights in 16 groups of 16, w = d * scale * (q - 32) with 6-bit q and an int8 scale per
// group. 6.5625 bits a weight.
#include "engine/formats/gguf_block.h"

namespace qwench {

namespace {

struct BlockQ6_K {
  static constexpr int64_t kElements = kSuperBlock;
  uint8_t ql[128];    // per 128 weights 64 bytes: the first 64 in the low nibbles, the rest above
  uint8_t qh[64];     // per 128 weights 32 bytes: upper bits of the first 32 in bits 0-1, ...
  int8_t scales[16];  // per group
  uint16_t d;         // f16
};
static_assert(sizeof(BlockQ6_K) == 210);

void decode_block(const BlockQ6_K& block, float* to) {
  const float d = f16_to_f32(block.d);
  for (int group = 0; group < 16; ++group, to += 16) {
    const float scale = d * float(block.scales[group]);
    const int half = group / 8, in_half = group % 8 * 16;  // weights before this group in its half
    const uint8_t* low = block.ql + half * 64 + in_half % 64;
    const uint8_t* high = block.qh + half * 32 + in_half % 32;
    const int low_shift = in_half / 64 * 4, high_shift = in_half / 32 * 2;
    for (int i = 0; i < 16; ++i) {
      const int q = (low[i] >> low_shift & 15) | (high[i] >> high_shift & 3) << 4;
      to[i] = scale * float(q - 32);
    }
  }
}

}  // namespace

const GgufType kGgufQ6_K = {14,
                            "Q6_K",
                            BlockQ6_K::kElements,
                            sizeof(BlockQ6_K),
                            {},
                            decode_blocks<BlockQ6_K, decode_block>};

}  // namespace qwench
