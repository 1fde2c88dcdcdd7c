// attention: causal grouped-query attention over the KV cache.
#include <algorithm>
#include <cmath>

#include "cpu/attention_kernels.h"
#include "cpu/ops.h"
#include "cpu/plugin_args.h"

namespace qwench::cpu {

namespace {

float get(const KvView& cache, const void* base, int64_t index) {
  return cache.dtype == DType::kF32 ? static_cast<const float*>(base)[index]
                                    : f16_to_f32(static_cast<const uint16_t*>(base)[index]);
}

double score(const AttentionArgs& a, const float* q, int64_t seq, int64_t kv_head, int64_t pos) {
  double dot = 0;
  for (int64_t d = 0; d < a.cache.head_dim; ++d)
    dot += double(q[d]) * double(a.scale) *
           double(get(a.cache, a.cache.k, a.cache.k_index(seq, kv_head, pos, d)));
  return dot;
}

/// Three passes over the keys (maximum, sum, weighted values): nothing is kept per key.
void attend(const AttentionArgs& a, int64_t token, int64_t head) {
  const int64_t n_heads = a.q.shape[1], kv_head = head / (n_heads / a.cache.n_kv_heads);
  const int64_t seq = a.sequences.as<const int32_t>()[token];
  const int64_t n = a.positions.as<const int32_t>()[token] + 1;
  const float* q = a.q.row<const float>(token * n_heads + head);
  float* out = a.out.row<float>(token * n_heads + head);
  double largest = score(a, q, seq, kv_head, 0), sum = 0;
  for (int64_t j = 1; j < n; ++j) largest = std::max(largest, score(a, q, seq, kv_head, j));
  for (int64_t j = 0; j < n; ++j) sum += std::exp(score(a, q, seq, kv_head, j) - largest);
  constexpr int64_t kStrip = 32;  // output columns summed at a time, in double
  for (int64_t d0 = 0; d0 < a.cache.head_dim; d0 += kStrip) {
    const int64_t columns = std::min(kStrip, a.cache.head_dim - d0);
    double acc[kStrip] = {};
    for (int64_t j = 0; j < n; ++j) {
      const double p = std::exp(score(a, q, seq, kv_head, j) - largest) / sum;
      for (int64_t d = 0; d < columns; ++d)
        acc[d] += p * double(get(a.cache, a.cache.v, a.cache.v_index(seq, kv_head, j, d0 + d)));
    }
    for (int64_t d = 0; d < columns; ++d) out[d0 + d] = float(acc[d]);
  }
}

void attention_reference(const AttentionArgs& a, Stream& stream) {
  const int64_t n_heads = a.q.shape[1];
  team_of(stream).parallel_for(a.q.rows(), 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) attend(a, i / n_heads, i % n_heads);
  });
}

void avx2(const AttentionArgs& a, Stream& stream) { attention_avx2(team_of(stream), a); }
void avx512(const AttentionArgs& a, Stream& stream) { attention_avx512(team_of(stream), a); }

constexpr Kernel<AttentionArgs> kAttention[] = {
    {"f32_blockmerge_avx512", attention_avx512_unsupported, avx512},
    {"f32_blockmerge_avx2", attention_avx2_unsupported, avx2},
    {"reference", always_supported<AttentionArgs>, attention_reference},
};

void to_c(const AttentionArgs& a, QwenchArgs& to) {
  to.attention = {tensor(a.q), tensor(a.positions), tensor(a.sequences),
                  kv(a.cache), tensor(a.out),       a.scale};
}

}  // namespace

template <>
CpuOp<AttentionArgs> cpu_op() {
  return {kAttention, to_c};
}

}  // namespace qwench::cpu
