// Loads, broadcasts and nibbles that the kernels of quantised weights share. Only *_avx2.cc files
// include this.
#pragma once
#include <immintrin.h>

#include <cstdint>
#include <cstring>

#include "cpu/tile_avx2.h"

namespace qwench::cpu {
namespace {  // one copy per file: never merged with code built for another ISA

inline __m256i load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
inline void store(void* p, __m256i v) { _mm256_storeu_si256(static_cast<__m256i*>(p), v); }

/// 4 bytes in every 32-bit lane; 16 bytes in both halves.
inline __m256i broadcast4(const void* p) {
  int32_t v;
  std::memcpy(&v, p, sizeof v);
  return _mm256_set1_epi32(v);
}
inline __m256i broadcast16(const void* p) {
  return _mm256_broadcastsi128_si256(_mm_loadu_si128(static_cast<const __m128i*>(p)));
}

inline __m256i low_nibbles(__m256i v) { return _mm256_and_si256(v, _mm256_set1_epi8(15)); }
inline __m256i high_nibbles(__m256i v) { return low_nibbles(_mm256_srli_epi16(v, 4)); }

/// 8 scales of q8_0 and q4_0.
inline __m256 f16_scales(const char* p) {
  return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
}
/// 8 scales of q4g from the head bytes of 8 rows.
inline __m256 q4g_scales(const char* heads, __m256 row_scales) {
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(heads));
  const __m256i scales = _mm256_srai_epi32(_mm256_cvtepi8_epi32(bytes), 2);
  return _mm256_mul_ps(row_scales, _mm256_cvtepi32_ps(scales));
}

/// Makes GCC 12 take a sum as it stands: left alone it reorders integer sums until they spill.
QWENCH_INLINE inline void keep(__m256i& v) { asm("" : "+x"(v)); }

}  // namespace
}  // namespace qwench::cpu
