// Loads and broadcasts that the VNNI kernels of quantised weights share. Only *_avx512vnni.cc files
// include this.
#pragma once
#include "cpu/quant_product.h"
#include "cpu/quant_unpack_avx2.h"

namespace qwench::cpu {
namespace {  // one copy per file: never merged with code built for another ISA

inline __m512i load512(const void* p) { return _mm512_loadu_si512(p); }

/// 4 bytes in every 32-bit lane.
inline __m512i broadcast4_512(const void* p) {
  int32_t v;
  std::memcpy(&v, p, sizeof v);
  return _mm512_set1_epi32(v);
}

/// Two halves of 32 bytes.
inline __m512i join(__m256i low, __m256i high) {
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}
inline __m512i load_halves(const void* low, const void* high) {
  return join(load(low), load(high));
}

/// sum += x_scale * w_scales * dot.
template <class Rows>
QWENCH_INLINE inline void accumulate512(const Rows& x, int row, int64_t block, __m512 w_scales,
                                        __m512i dot, __m512& sum) {
  const __m512 x_scale = _mm512_castsi512_ps(broadcast4_512(x.scale(row, block)));
  sum = _mm512_fmadd_ps(_mm512_mul_ps(x_scale, w_scales), _mm512_cvtepi32_ps(dot), sum);
}

}  // namespace
}  // namespace qwench::cpu
