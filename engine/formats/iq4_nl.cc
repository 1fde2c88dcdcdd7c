// IQ4_NL: 32 weights as indices into one fixed grid, w = d * grid[nibble]. 4.5 bits a weight.
// Nibbles as in q4_0.
#include "engine/formats/gguf_block.h"

namespace qwench {

const int8_t kIq4Grid[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                             1,    13,   25,  38,  53,  69,  89,  113};

namespace {

struct BlockIQ4_NL {
  static constexpr int64_t kElements = 32;
  uint16_t d;      // f16
  uint8_t qs[16];  // nibbles
};
static_assert(sizeof(BlockIQ4_NL) == 18);

void decode_block(const BlockIQ4_NL& block, float* to) {
  const float d = f16_to_f32(block.d);
  for (int i = 0; i < 16; ++i) {
    to[i] = d * float(kIq4Grid[block.qs[i] & 15]);
    to[i + 16] = d * float(kIq4Grid[block.qs[i] >> 4]);
  }
}

}  // namespace

const GgufType kGgufIQ4_NL = {20,
                              "IQ4_NL",
                              BlockIQ4_NL::kElements,
                              sizeof(BlockIQ4_NL),
                              {},
                              decode_blocks<BlockIQ4_NL, decode_block>};

}  // namespace qwench
