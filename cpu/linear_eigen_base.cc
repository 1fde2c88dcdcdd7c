// linear through Eigen for any CPU: what the compiler may use without being told (x86-64: SSE2, aarch64: NEON).
#include "cpu/linear_eigen_blocks.h"
#include "cpu/plain_weight.h"

namespace qwench::cpu {

int64_t eigen_rows_per_block(const WeightView& w) {
  return std::clamp<int64_t>(Team::kScratchBytes / (w.in * 4), 0, 64);
}

void linear_eigen_base(Team& team, const LinearArgs& a) {
  linear_by_blocks(team, a, [](const WeightView& w, int64_t first, int64_t rows, float* to) {
    for (int64_t r = 0; r < rows; ++r) plain_row(w, first + r, to + r * w.in);
  });
}

}  // namespace qwench::cpu
