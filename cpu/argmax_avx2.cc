// Two passes over logits that lie in cache: a maximum needs no index, and finding it needs no maximum.
#include "cpu/argmax_avx2.h"

#include <algorithm>
#include <cstring>

#include "cpu/simd_avx2.h"

namespace qwench::cpu {

namespace {

constexpr uint32_t kExponent =
    0x7f800000u;  // all ones in NaN and Inf, whatever the compiler assumes

int32_t is_nonfinite(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  return (bits & kExponent) == kExponent;
}

struct Scan {
  float largest;
  int32_t nonfinite;
};

Scan scan(const float* x, int64_t n) {
  const __m256i exponent = _mm256_set1_epi32(int(kExponent));
  __m256 best = _mm256_set1_ps(x[0]);
  __m256i bad = _mm256_setzero_si256();  // minus the number, in each lane
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) {
    const __m256 v = _mm256_loadu_ps(x + i);
    best = _mm256_max_ps(best, v);
    const __m256i high = _mm256_and_si256(_mm256_castps_si256(v), exponent);
    bad = _mm256_add_epi32(bad, _mm256_cmpeq_epi32(high, exponent));
  }
  alignas(32) int32_t lanes[8];
  _mm256_store_si256(reinterpret_cast<__m256i*>(lanes), bad);
  Scan found{max_lanes(best), 0};
  for (const int32_t lane : lanes) found.nonfinite -= lane;
  for (; i < n; ++i)
    found.largest = std::max(found.largest, x[i]), found.nonfinite += is_nonfinite(x[i]);
  return found;
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

void argmax_avx2(Team& team, const ArgmaxArgs& a) {
  team.parallel_for(a.logits.rows(), 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t) {
      const float* x = a.logits.row<const float>(t);
      const Scan found = scan(x, a.limit);
      const int64_t beyond = a.logits.cols() - a.limit;
      a.ids.as<int32_t>()[t] = int32_t(first_equal(x, a.limit, found.largest));
      a.nonfinite.as<int32_t>()[t] =
          found.nonfinite + (beyond > 0 ? scan(x + a.limit, beyond).nonfinite : 0);
    }
  });
}

}  // namespace qwench::cpu
