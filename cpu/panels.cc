// Packing: a transposition in tiles of 32 rows, so that both sides stay in cache.
#include "cpu/panels.h"

#include <algorithm>
#include <cstring>

#include "cpu/quant_panels.h"

namespace qwench::cpu {

namespace {

template <class T>
void pack_panel(const TensorView& w, int64_t first_row, T* panel) {
  const int64_t in = w.cols(), rows = std::min(kPanelRows, w.rows() - first_row);
  const bool pairs = w.dtype == DType::kBF16;
  if (rows < kPanelRows || (pairs && in % 2))
    std::memset(panel, 0, size_t(panel_bytes(w.dtype, in)));
  const T* source = w.row<const T>(first_row);
  constexpr int64_t kTile = 64;
  for (int64_t k0 = 0; k0 < in; k0 += kTile) {
    const int64_t k1 = std::min(k0 + kTile, in);
    for (int64_t row = 0; row < rows; ++row) {
      const T* from = source + row * in;
      if (!pairs)
        for (int64_t k = k0; k < k1; ++k) panel[k * kPanelRows + row] = from[k];
      else
        for (int64_t k = k0; k < k1; ++k) panel[panel_index(DType::kBF16, row, k)] = from[k];
    }
  }
}

}  // namespace

void pack_panels(Team& team, const TensorView& w, void* to) {
  const int64_t bytes = panel_bytes(w.dtype, w.cols());
  team.parallel_for(ceil_div(w.rows(), kPanelRows), 4, [&](int64_t begin, int64_t end, int) {
    for (int64_t panel = begin; panel < end; ++panel) {
      void* at = static_cast<char*>(to) + panel * bytes;
      if (is_quantized(w.dtype))
        pack_quant_panel(w, panel * kPanelRows, at);
      else if (size_of(w.dtype) == 4)
        pack_panel(w, panel * kPanelRows, static_cast<uint32_t*>(at));
      else
        pack_panel(w, panel * kPanelRows, static_cast<uint16_t*>(at));
    }
  });
}

}  // namespace qwench::cpu
