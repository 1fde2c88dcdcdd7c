// swiglu: silu(gate) * up, eight at a time; the tail goes through the same instructions.
#include "cpu/elementwise_avx2.h"
#include "cpu/simd_avx2.h"

namespace qwench::cpu {

void swiglu_avx2(Team& team, const SwiGluArgs& a) {
  const float *gate = a.gate.as<const float>(), *up = a.up.as<const float>();
  float* h = a.h.as<float>();
  team.parallel_for(a.h.shape.count(), 4096, [&](int64_t begin, int64_t end, int) {
    int64_t i = begin;
    for (; i + 8 <= end; i += 8)
      _mm256_storeu_ps(h + i, swiglu_ps(_mm256_loadu_ps(gate + i), _mm256_loadu_ps(up + i)));
    alignas(32) float tail[2][8] = {};
    for (int64_t j = i; j < end; ++j) tail[0][j - i] = gate[j], tail[1][j - i] = up[j];
    _mm256_store_ps(tail[0], swiglu_ps(_mm256_load_ps(tail[0]), _mm256_load_ps(tail[1])));
    for (int64_t j = i; j < end; ++j) h[j] = tail[0][j - i];
  });
}

}  // namespace qwench::cpu
