// Activations to int8. One block of 32 is four vectors; the largest magnitude is found among bit
// patterns, whose order is that of the numbers and puts Inf and NaN on top.
#include "cpu/quant_rows.h"

#include <immintrin.h>

#include <algorithm>
#include <limits>

namespace qwench::cpu {

namespace {

constexpr float kSmallest = 0x1p-119f;  // below it 127 / max|x| or the scale would leave f32

int32_t max_lanes(__m256i v) {
  __m128i m = _mm_max_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4e));
  return _mm_cvtsi128_si32(_mm_max_epi32(m, _mm_shuffle_epi32(m, 0xb1)));
}

int32_t sum_lanes(__m256i v) {
  __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
  return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}

/// What x is multiplied with; sets the scale.
float inverse_of(int32_t largest_bits, float limit, float& scale) {
  if (largest_bits >= 0x7f800000) {
    scale = std::numeric_limits<float>::quiet_NaN();
    return 0;
  }
  float largest;
  std::memcpy(&largest, &largest_bits, sizeof largest);
  scale = largest < kSmallest ? 0 : largest / limit;
  return largest < kSmallest ? 0 : limit / largest;
}

/// The integers of a block in order, as two vectors of int16.
struct Integers {
  __m256i low, high;
  __m256i as_int8() const { return _mm256_permute4x64_epi64(_mm256_packs_epi16(low, high), 0xd8); }
};

Integers quantize_block(const float* x, float limit, float& scale) {
  __m256 v[4];
  __m256i largest = _mm256_setzero_si256();
  for (int i = 0; i < 4; ++i) {
    v[i] = _mm256_loadu_ps(x + 8 * i);
    const __m256i magnitude =
        _mm256_and_si256(_mm256_castps_si256(v[i]), _mm256_set1_epi32(0x7fffffff));
    largest = _mm256_max_epi32(largest, magnitude);
  }
  const __m256 inverse = _mm256_set1_ps(inverse_of(max_lanes(largest), limit, scale));
  __m256i q[4];  // NaN and Inf times 0 give INT_MIN, saturated below; their scale is NaN
  for (int i = 0; i < 4; ++i) q[i] = _mm256_cvtps_epi32(_mm256_mul_ps(v[i], inverse));
  return {_mm256_permute4x64_epi64(_mm256_packs_epi32(q[0], q[1]), 0xd8),
          _mm256_permute4x64_epi64(_mm256_packs_epi32(q[2], q[3]), 0xd8)};
}

/// Block b of the part of a row that begins at `part` and has room for `room` blocks.
void put_block(const Integers& a, float scale, const QuantRows& rows, char* part, int64_t room,
               int64_t b) {
  const int64_t bytes = kQuantBlock * integer_bytes(rows.form);
  __m256i* to = reinterpret_cast<__m256i*>(part + b * bytes);
  float* scales = reinterpret_cast<float*>(part + room * bytes);
  scales[b] = scale;
  if (rows.form == RowForm::kInt16) {
    _mm256_storeu_si256(to, a.low);
    _mm256_storeu_si256(to + 1, a.high);
  } else if (rows.form == RowForm::kUint8) {
    _mm256_storeu_si256(to, _mm256_add_epi8(a.as_int8(), _mm256_set1_epi8(-128)));
  } else if (rows.form == RowForm::kUint7) {
    _mm256_storeu_si256(to, _mm256_add_epi8(a.as_int8(), _mm256_set1_epi8(64)));
  } else {
    _mm256_storeu_si256(to, a.as_int8());
    const int32_t sum =
        sum_lanes(_mm256_madd_epi16(_mm256_add_epi16(a.low, a.high), _mm256_set1_epi16(1)));
    reinterpret_cast<int32_t*>(scales + room)[b] = -rows.zero_point * sum;
  }
}

/// Block `block` of row `row`, of 32 floats.
inline void quantize_block_into(const QuantRows& to, int64_t row, int64_t block, const float* x) {
  const int64_t chunk = block / to.chunk_blocks;
  float scale;
  const Integers a = quantize_block(x, float(to.limit), scale);
  put_block(a, scale, to, to.at(chunk, row), to.room_of(chunk), block % to.chunk_blocks);
}

}  // namespace

void quantize_rows_avx2(Team& team, const float* x, const QuantRows& to) {
  constexpr int64_t kBlocksAtLeast =
      64;  // about a microsecond: fewer are not worth waking the team
  team.parallel_for(to.n_rows * to.n_blocks, kBlocksAtLeast, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i)
      quantize_block_into(to, i / to.n_blocks, i % to.n_blocks, x + i * kQuantBlock);
  });
}

void quantize_row_avx2(const float* x, const QuantRows& to, int64_t row) {
  for (int64_t block = 0; block < to.n_blocks; ++block)
    quantize_block_into(to, row, block, x + block * kQuantBlock);
}

}  // namespace qwench::cpu
