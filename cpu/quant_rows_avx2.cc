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

int32_t sum_of_int8(__m256i a) {
  const __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), a);
  return sum_lanes(_mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
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

/// One block of 32: its integers to `to`, returned as int8 in order.
__m256i quantize_block(const float* x, RowForm form, float limit, char* to, float& scale) {
  __m256 v[4];
  __m256i largest = _mm256_setzero_si256();
  for (int i = 0; i < 4; ++i) {
    v[i] = _mm256_loadu_ps(x + 8 * i);
    const __m256i magnitude =
        _mm256_and_si256(_mm256_castps_si256(v[i]), _mm256_set1_epi32(0x7fffffff));
    largest = _mm256_max_epi32(largest, magnitude);
  }
  const int32_t largest_bits = max_lanes(largest);
  const __m256 inverse = _mm256_set1_ps(inverse_of(largest_bits, limit, scale));
  __m256i q[4];  // NaN and Inf times 0 give INT_MIN, saturated below; their scale is NaN
  for (int i = 0; i < 4; ++i) q[i] = _mm256_cvtps_epi32(_mm256_mul_ps(v[i], inverse));
  const __m256i low = _mm256_packs_epi32(q[0], q[1]), high = _mm256_packs_epi32(q[2], q[3]);
  const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
  __m256i a = _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order);
  __m256i* out = reinterpret_cast<__m256i*>(to);
  if (form == RowForm::kInt16) {
    _mm256_storeu_si256(out, _mm256_permute4x64_epi64(low, 0xd8));
    _mm256_storeu_si256(out + 1, _mm256_permute4x64_epi64(high, 0xd8));
  } else if (form == RowForm::kUint8) {
    _mm256_storeu_si256(out, _mm256_xor_si256(a, _mm256_set1_epi8(-128)));
  } else if (form == RowForm::kUint7) {
    _mm256_storeu_si256(out, _mm256_add_epi8(a, _mm256_set1_epi8(64)));
  } else {
    _mm256_storeu_si256(out, a);
  }
  return a;
}

}  // namespace

void quantize_rows_avx2(Team& team, const float* x, const QuantRows& to) {
  constexpr int64_t kRowsAtLeast = 16;  // fewer are not worth waking the team
  const int64_t chunks = (to.n_blocks + to.chunk_blocks - 1) / to.chunk_blocks;
  team.parallel_for(to.n_rows, kRowsAtLeast, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      const float* from = x + row * to.n_blocks * kQuantBlock;
      for (int64_t chunk = 0; chunk < chunks; ++chunk) {
        const int64_t n = to.blocks_of(chunk), room = to.room_of(chunk);
        const int64_t bytes = kQuantBlock * integer_bytes(to.form);
        char* at = to.at(chunk, row);
        float* scales = reinterpret_cast<float*>(at + room * bytes);
        int32_t* sums = reinterpret_cast<int32_t*>(scales + room);
        for (int64_t b = 0; b < n; ++b, from += kQuantBlock) {
          const __m256i a =
              quantize_block(from, to.form, float(to.limit), at + b * bytes, scales[b]);
          if (to.form == RowForm::kInt8Sums) sums[b] = -to.zero_point * sum_of_int8(a);
        }
      }
    }
  });
}

}  // namespace qwench::cpu
