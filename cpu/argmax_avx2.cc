// Two passes over logits that lie in cache: a maximum needs no index, and finding it needs no maximum.
#include "cpu/argmax_avx2.h"

#include <algorithm>

#include "cpu/simd_avx2.h"

namespace qwench::cpu {

namespace {

float largest(const float* x, int64_t n) {
  __m256 best = _mm256_set1_ps(x[0]);
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) best = _mm256_max_ps(best, _mm256_loadu_ps(x + i));
  float result = max_lanes(best);
  for (; i < n; ++i) result = std::max(result, x[i]);
  return result;
}

int64_t first_equal(const float* x, int64_t n, float value) {
  const __m256 wanted = _mm256_set1_ps(value);
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m256 equal = _mm256_cmp_ps(_mm256_loadu_ps(x + i), wanted, _CMP_EQ_OQ);
    if (const int lanes = _mm256_movemask_ps(equal)) return i + __builtin_ctz(unsigned(lanes));
  }
  while (i + 1 < n && x[i] != value) ++i;
  return i;
}

}  // namespace

void argmax_avx2(const ArgmaxArgs& a) {
  for (int64_t t = 0; t < a.logits.rows(); ++t) {
    const float* x = a.logits.row<const float>(t);
    a.ids.as<int32_t>()[t] = int32_t(first_equal(x, a.limit, largest(x, a.limit)));
  }
}

}  // namespace qwench::cpu
