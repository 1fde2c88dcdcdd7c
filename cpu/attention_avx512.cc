// Attention by blocks with vectors of 512 bits: six queries x four vectors at a time.
#include "cpu/attention_kernels.h"
#include "cpu/attention_ranges.h"
#include "cpu/ops.h"

namespace qwench::cpu {

namespace {

struct Avx512 {
  using Float = __m512;
  static constexpr int kWidth = 16, kRows = 6, kDirectRows = 6, kDirectWide = 4;

  static Float zero() { return _mm512_setzero_ps(); }
  static Float set1(float x) { return _mm512_set1_ps(x); }
  static Float load(const float* p) { return _mm512_loadu_ps(p); }
  static Float load(const F16* p) { return _mm512_cvtph_ps(halves(p)); }
  static Float load(const Bf16* p) {
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(halves(p)), 16));
  }
  static __m256i halves(const void* p) {
    return _mm256_loadu_si256(static_cast<const __m256i*>(p));
  }
  static void store(float* p, Float x) { _mm512_storeu_ps(p, x); }
  static Float add(Float a, Float b) { return _mm512_add_ps(a, b); }
  static Float sub(Float a, Float b) { return _mm512_sub_ps(a, b); }
  static Float mul(Float a, Float b) { return _mm512_mul_ps(a, b); }
  static Float fma(Float a, Float b, Float c) { return _mm512_fmadd_ps(a, b, c); }
  static Float max(Float a, Float b) { return _mm512_max_ps(a, b); }
  static float max_lanes(Float x) { return _mm512_reduce_max_ps(x); }
  static float sum_lanes(Float x) { return _mm512_reduce_add_ps(x); }
  /// The first n lanes of a, the others of b.
  static Float first_lanes(int64_t n, Float a, Float b) {
    const auto first = __mmask16(n >= kWidth ? 0xffff : n <= 0 ? 0 : (1 << n) - 1);
    return _mm512_mask_mov_ps(b, first, a);
  }
  /// e^x for x <= 0 to 2 ulp: exp_ps(), scaled by 2^n in one step. What lies so low that e^x is 0 is
  /// raised to where the polynomial is still finite; NaN stays.
  static Float exp(Float x) {
    x = _mm512_max_ps(set1(-150.0f), x);
    const Float n = _mm512_roundscale_ps(_mm512_mul_ps(x, set1(1.44269504088896341f)),
                                         _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    Float r = _mm512_fnmadd_ps(n, set1(0.693145751953125f), x);
    r = _mm512_fnmadd_ps(n, set1(1.42860682030941723212e-6f), r);
    Float p = set1(1.0f / 720);
    for (const float c : {1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f})
      p = _mm512_fmadd_ps(p, r, set1(c));
    return _mm512_scalef_ps(p, n);
  }
};

}  // namespace

const char* attention_avx512_unsupported(const AttentionArgs& a) {
  if (const char* missing = avx512_missing(DType::kF32)) return missing;
  if (a.cache.head_dim % 16) return "head_dim must be a multiple of 16";
  return attention_avx2_unsupported(a);
}

void attention_avx512(Team& team, const AttentionArgs& a) { attention_by_blocks<Avx512>(team, a); }

}  // namespace qwench::cpu
