// qk_norm_rope: per-head RMS norm (Qwen3), rotary embedding, keys and values into the cache. With
// its parts: head_norm, rope, kv_store.
#include <cmath>

#include "cpu/elementwise_avx2.h"
#include "cpu/ops.h"

namespace qwench::cpu {

namespace {

void head_norm_reference(const HeadNormArgs& a, Stream&) {
  const int64_t head_dim = a.x.cols();
  for (int64_t row = 0; row < a.x.rows(); ++row) {
    float* x = a.x.row<float>(row);
    double squares = 0;
    for (int64_t d = 0; d < head_dim; ++d) squares += double(x[d]) * double(x[d]);
    const double scale = 1 / std::sqrt(squares / double(head_dim) + double(a.eps));
    for (int64_t d = 0; d < head_dim; ++d) x[d] = float(x[d] * scale * a.w.as<const float>()[d]);
  }
}

void rope_reference(const RopeArgs& a, Stream&) {
  const int64_t n_heads = a.x.shape[1], half = a.cos.cols();
  for (int64_t t = 0; t < a.x.shape[0]; ++t) {
    const int64_t pos = a.positions.as<const int32_t>()[t];
    const float *cos = a.cos.row<const float>(pos), *sin = a.sin.row<const float>(pos);
    for (int64_t h = 0; h < n_heads; ++h) {
      float* x = a.x.row<float>(t * n_heads + h);
      for (int64_t j = 0; j < half; ++j) {
        const double first = x[j], second = x[j + half];
        x[j] = float(first * cos[j] - second * sin[j]);
        x[j + half] = float(second * cos[j] + first * sin[j]);
      }
    }
  }
}

void put(const KvView& cache, void* base, int64_t index, float value) {
  if (cache.dtype == DType::kF32)
    static_cast<float*>(base)[index] = value;
  else
    static_cast<uint16_t*>(base)[index] = f32_to_f16(value);
}

void kv_store_reference(const KvStoreArgs& a, Stream&) {
  const KvView& c = a.cache;
  for (int64_t t = 0; t < a.k.shape[0]; ++t) {
    const int64_t pos = a.positions.as<const int32_t>()[t];
    const int64_t seq = a.sequences.as<const int32_t>()[t];
    for (int64_t h = 0; h < c.n_kv_heads; ++h)
      for (int64_t d = 0; d < c.head_dim; ++d) {
        const int64_t row = t * c.n_kv_heads + h;
        put(c, c.k, c.k_index(seq, h, pos, d), a.k.row<const float>(row)[d]);
        put(c, c.v, c.v_index(seq, h, pos, d), a.v.row<const float>(row)[d]);
      }
  }
}

const char* fused_unsupported(const QkNormRopeArgs& a) {
  if (const char* missing = avx2_missing()) return missing;
  return a.q.cols() % 16 ? "head_dim must be a multiple of 16" : nullptr;
}
void fused(const QkNormRopeArgs& a, Stream& stream) { qk_norm_rope_avx2(team_of(stream), a); }

constexpr Kernel<HeadNormArgs> kHeadNorm[] = {
    {"reference", always_supported<HeadNormArgs>, head_norm_reference}};
constexpr Kernel<RopeArgs> kRope[] = {{"reference", always_supported<RopeArgs>, rope_reference}};
constexpr Kernel<KvStoreArgs> kKvStore[] = {
    {"reference", always_supported<KvStoreArgs>, kv_store_reference}};
constexpr Kernel<QkNormRopeArgs> kQkNormRope[] = {{"f32_fused_avx2", fused_unsupported, fused}};

}  // namespace

KernelList<HeadNormArgs> head_norm_kernels() { return kHeadNorm; }
KernelList<RopeArgs> rope_kernels() { return kRope; }
KernelList<KvStoreArgs> kv_store_kernels() { return kKvStore; }
KernelList<QkNormRopeArgs> qk_norm_rope_kernels() { return kQkNormRope; }

}  // namespace qwench::cpu
