// Attention by blocks with vectors of 256 bits: three queries x four vectors at a time.
#include "cpu/attention_kernels.h"
#include "cpu/attention_ranges.h"
#include "cpu/ops.h"

namespace qwench::cpu {

namespace {

struct Avx2 {
  using Float = __m256;
  static constexpr int kWidth = 8, kRows = 3, kDirectRows = 7, kDirectWide = 1;

  static Float zero() { return _mm256_setzero_ps(); }
  static Float set1(float x) { return _mm256_set1_ps(x); }
  static Float load(const float* p) { return _mm256_loadu_ps(p); }
  static Float load(const F16* p) { return load_f16(&p->bits); }
  static Float load(const Bf16* p) { return load_bf16(&p->bits); }
  static void store(float* p, Float x) { _mm256_storeu_ps(p, x); }
  static Float add(Float a, Float b) { return _mm256_add_ps(a, b); }
  static Float sub(Float a, Float b) { return _mm256_sub_ps(a, b); }
  static Float mul(Float a, Float b) { return _mm256_mul_ps(a, b); }
  static Float fma(Float a, Float b, Float c) { return _mm256_fmadd_ps(a, b, c); }
  static Float max(Float a, Float b) { return _mm256_max_ps(a, b); }
  static Float exp(Float x) { return exp_ps(x); }
  static float max_lanes(Float x) { return cpu::max_lanes(x); }
  static float sum_lanes(Float x) { return cpu::sum_lanes(x); }
  /// The first n lanes of a, the others of b.
  static Float first_lanes(int64_t n, Float a, Float b) {
    if (n >= kWidth) return a;
    const Float lane = _mm256_setr_ps(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_blendv_ps(b, a, _mm256_cmp_ps(lane, set1(float(n)), _CMP_LT_OQ));
  }
};

}  // namespace

const char* attention_avx2_unsupported(const AttentionArgs& a) {
  if (const char* missing = avx2_missing()) return missing;
  if (a.cache.head_dim % 8) return "head_dim must be a multiple of 8";
  if (a.cache.head_dim > kMaxHeadDim) return "head_dim must be at most 256";
  if (a.q.shape[1] / a.cache.n_kv_heads > kMaxQueries) return "more than 256 query heads a KV head";
  return nullptr;
}

void attention_avx2(Team& team, const AttentionArgs& a) { attention_by_blocks<Avx2>(team, a); }

}  // namespace qwench::cpu
