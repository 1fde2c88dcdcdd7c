// linear through Eigen, the baseline to beat: built with AVX2 and FMA.
#include "cpu/linear_eigen_blocks.h"
#include "cpu/plain_weight.h"
#include "cpu/simd_avx2.h"

namespace qwench::cpu {

namespace {

void widen_rows(const WeightView& w, int64_t first, int64_t rows, float* to) {
  if (is_quantized(w.dtype)) {
    for (int64_t r = 0; r < rows; ++r) plain_row(w, first + r, to + r * w.in);
    return;
  }
  const uint16_t* from = static_cast<const uint16_t*>(w.plain) + first * w.in;
  const int64_t n = rows * w.in;
  const bool bf16 = w.dtype == DType::kBF16;
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    _mm256_storeu_ps(to + i, bf16 ? load_bf16(from + i) : load_f16(from + i));
  for (; i < n; ++i) to[i] = bf16 ? bf16_to_f32(from[i]) : f16_to_f32(from[i]);
}

}  // namespace

void linear_eigen_avx2(Team& team, const LinearArgs& a) { linear_by_blocks(team, a, widen_rows); }

}  // namespace qwench::cpu
