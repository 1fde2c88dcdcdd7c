// What the decoders of GGUF's block types share: one file each defines its row of the table in
// gguf_types.cc. Blocks come from files, so they are copied out of bytes of any alignment.
// Sources of all layouts: ggml-org/ggml, src/ggml-common.h and ggml-quants.c; every product and sum
// is rounded to f32 in the order given there, so results are equal bit for bit.
#pragma once
#include <cstdint>
#include <cstring>

#include "engine/base/dtype.h"
#include "engine/formats/gguf_types.h"

namespace qwench {

extern const GgufType kGgufQ4_1, kGgufQ5_0, kGgufQ5_1, kGgufQ2_K, kGgufQ3_K, kGgufQ4_K, kGgufQ5_K,
    kGgufQ6_K, kGgufIQ4_NL, kGgufIQ4_XS;

/// Elements of a "K" block, which is made of 8 or 16 smaller ones with integer scales.
constexpr int64_t kSuperBlock = 256;

/// The sixteen values of IQ4_NL and IQ4_XS.
extern const int8_t kIq4Grid[16];

/// Decodes n elements (a multiple of Block::kElements) with one function per block.
template <class Block, void (*decode_block)(const Block&, float*)>
void decode_blocks(const void* from, int64_t n, float* to) {
  const auto* bytes = static_cast<const char*>(from);
  for (int64_t i = 0; i < n; i += Block::kElements, bytes += sizeof(Block)) {
    Block block;
    std::memcpy(&block, bytes, sizeof block);
    decode_block(block, to + i);
  }
}

/// Scale and minimum number j of the 8 in the 12 packed bytes of Q4_K and Q5_K, 6 bits each: those
/// of the first four in the low bits of bytes j and j + 4; of the last four, 4 bits in byte j + 4
/// and the upper 2 in the bits that the first four leave free.
struct ScaleMin {
  int scale, min;
};
inline ScaleMin scale_min(const uint8_t packed[12], int j) {
  if (j < 4) return {packed[j] & 63, packed[j + 4] & 63};
  return {(packed[j + 4] & 15) | (packed[j - 4] >> 6) << 4, (packed[j + 4] >> 4) | (packed[j] >> 6)
                                                                                       << 4};
}

}  // namespace qwench
