// add_rms_norm: one pass over the residual for the sum of squares, one for the output. Threads split
// tokens; a token never shares a sum.
#include "cpu/elementwise_avx2.h"
#include "cpu/rms_avx2.h"

namespace qwench::cpu {

namespace {

void add_to(float* x, const float* delta, int64_t n) {
  int64_t i = 0;
  for (; i + 8 <= n; i += 8)
    _mm256_storeu_ps(x + i, _mm256_add_ps(_mm256_loadu_ps(x + i), _mm256_loadu_ps(delta + i)));
  for (; i < n; ++i) x[i] += delta[i];
}

}  // namespace

void add_rms_norm_avx2(Team& team, const AddRmsNormArgs& a) {
  const int64_t dim = a.x.cols();
  team.parallel_for(a.x.rows(), kTokenGrain, [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t) {
      float* x = a.x.row<float>(t);
      if (a.delta) add_to(x, a.delta.row<const float>(t), dim);
      rms_norm_row(x, dim, a.eps, a.w.as<const float>(), a.y.row<float>(t));
    }
  });
}

}  // namespace qwench::cpu
