// Caps on what a file may say of a model: far above any released one, and low enough that no product
// of two sizes, nor the bytes of a whole KV cache, can leave 64 bits.
#pragma once
#include <cstdint>

namespace qwench {

constexpr int64_t kMaxPositions = int64_t(1) << 27;
constexpr int64_t kMaxVocab = int64_t(1) << 22;
constexpr int64_t kMaxDim = 1 << 17, kMaxLayers = 1000, kMaxHeads = 4096, kMaxHeadDim = 1024;
constexpr int64_t kMaxFfnDim = 1 << 20;

}  // namespace qwench
