// Packed 4-bit matrices that are q4_0 under another name: integers -8..7 times one f16 scale for each
// block of 32 (or several blocks). They are handed out as q4_0, which is the same numbers in a
// seventh of the memory of f32.
#pragma once
#include <cstdint>
#include <vector>

namespace qwench {

/// Whether every value is one of f16, bit for bit.
bool all_in_f16(const std::vector<float>& values);

/// Rows of values, each an integer -8..7 times its block's scale, as q4_0.
/// values [rows, cols], scales [rows, cols / 32] with all_in_f16(). Returns false when a block does
/// not decode to the same bits, which such values always do.
bool write_exact_q4_0(const float* values, const float* scales, int64_t rows, int64_t cols,
                      void* to);

}  // namespace qwench
