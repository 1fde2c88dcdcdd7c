// rms_norm: one pass over a row for the sum of squares, one for the output. Threads split tokens; a token
// never shares a sum.
#include "cpu/elementwise_avx2.h"
#include "cpu/rms_avx2.h"

namespace qwench::cpu {

void rms_norm_avx2(Team& team, const RmsNormArgs& a) {
  const int64_t dim = a.x.cols();
  team.parallel_for(a.x.rows(), kTokenGrain, [&](int64_t begin, int64_t end, int) {
    for (int64_t t = begin; t < end; ++t)
      rms_norm_row(a.x.row<const float>(t), dim, a.eps, a.w.as<const float>(), a.y.row<float>(t));
  });
}

}  // namespace qwench::cpu
