// qk_norm_rope: per-head RMS norm (Qwen3), rotary embedding, keys and values into the cache.
#include "cpu/elementwise_avx2.h"
#include "cpu/kv_page.h"
#include "cpu/ops.h"
#include "cpu/plugin_args.h"

namespace qwench::cpu {

namespace {

#if defined(QWENCH_X86)
const char* fused_unsupported(const QkNormRopeArgs& a) {
  if (const char* missing = avx2_missing()) return missing;
  if (a.q.cols() % 16) return "head_dim must be a multiple of 16";
  return nullptr;
}
void fused(const QkNormRopeArgs& a, Stream& stream) { qk_norm_rope_avx2(team_of(stream), a); }

constexpr Kernel<QkNormRopeArgs> kQkNormRope[] = {{"f32_fused_avx2", fused_unsupported, fused}};
#else
constexpr std::array<Kernel<QkNormRopeArgs>, 0> kQkNormRope{};  // its parts are all there is
#endif

void to_c(const QkNormRopeArgs& a, QwenchArgs& to) {
  to.qk_norm_rope = {tensor(a.q),      tensor(a.k),
                     tensor(a.v),      tensor(a.q_norm),
                     tensor(a.k_norm), rotation(a.rotation),
                     tensor(a.slots),  tensor(a.sequences),
                     kv(a.cache),      a.eps};
}

}  // namespace

template <>
CpuOp<QkNormRopeArgs> cpu_op() {
  return {kQkNormRope, to_c};
}

}  // namespace qwench::cpu
