// attention: causal grouped-query attention over the KV cache.
#include <algorithm>
#include <cmath>

#include "cpu/attention_kernels.h"
#include "cpu/kv_page.h"
#include "cpu/ops.h"
#include "cpu/plugin_args.h"

namespace qwench::cpu {

namespace {

/// One query head of one token.
struct Query {
  const AttentionArgs& a;
  int64_t token, head;

  int64_t row() const { return token * a.q.shape[1] + head; }
  int64_t kv_head() const { return head / (a.q.shape[1] / a.cache.n_kv_heads); }

  /// f(block, slot) for every slot that is seen, ascending.
  template <class F>
  void for_each_key(F&& f) const {
    const int64_t sequence = a.sequences.as<const int32_t>()[token];
    const int64_t last = a.slots.as<const int32_t>()[token];
    const auto within = [&](int64_t start) {
      const KvBlock block = kv_block(a.cache, sequence, start, kv_head());
      for (int64_t slot = start; slot <= std::min(last, start + kKvBlock - 1); ++slot)
        f(block, slot);
    };
    if (!a.blocks) {
      for (int64_t start = 0; start <= last; start += kKvBlock) within(start);
      return;
    }
    const BlockList& list = a.blocks;
    const int64_t at = list.rows.as<const int32_t>()[token] * a.cache.n_kv_heads + kv_head();
    const int32_t *blocks = list.blocks.row<const int32_t>(at),
                  n = list.counts.as<const int32_t>()[at];
    for (int32_t i = 0; i < n && blocks[i] * kKvBlock <= last; ++i) within(blocks[i] * kKvBlock);
  }

  double score(const KvBlock& block, int64_t slot) const {
    const float* q = a.q.row<const float>(row());
    double dot = 0;
    for (int64_t d = 0; d < a.cache.head_dim; ++d)
      dot += double(q[d]) * double(a.scale) *
             double(load(block.k, a.cache.k_type, key_place(slot, d)));
    return dot;
  }
};

/// Three passes over the keys (maximum, sum, weighted values): nothing is kept per key.
void attend(const Query& query) {
  const AttentionArgs& a = query.a;
  const int64_t head_dim = a.cache.head_dim;
  float* out = a.out.row<float>(query.row());
  double largest = -INFINITY, sum = 0;
  query.for_each_key([&](const KvBlock& block, int64_t slot) {
    largest = std::max(largest, query.score(block, slot));
  });
  query.for_each_key([&](const KvBlock& block, int64_t slot) {
    sum += std::exp(query.score(block, slot) - largest);
  });
  constexpr int64_t kStrip = 32;  // output columns summed at a time, in double
  for (int64_t d0 = 0; d0 < head_dim; d0 += kStrip) {
    const int64_t columns = std::min(kStrip, head_dim - d0);
    double acc[kStrip] = {};
    query.for_each_key([&](const KvBlock& block, int64_t slot) {
      const double p = std::exp(query.score(block, slot) - largest) / sum;
      for (int64_t d = 0; d < columns; ++d)
        acc[d] += p * double(load(block.v, a.cache.v_type, value_place(slot, d0 + d, head_dim)));
    });
    for (int64_t d = 0; d < columns; ++d) out[d0 + d] = float(acc[d]);
  }
}

void attention_reference(const AttentionArgs& a, Stream& stream) {
  const int64_t n_heads = a.q.shape[1];
  team_of(stream).parallel_for(a.q.rows(), 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) attend({a, i / n_heads, i % n_heads});
  });
}

#if defined(QWENCH_X86)
void avx2(const AttentionArgs& a, Stream& stream) { attention_avx2(team_of(stream), a); }
void avx512(const AttentionArgs& a, Stream& stream) { attention_avx512(team_of(stream), a); }
#endif

constexpr Kernel<AttentionArgs> kAttention[] = {
#if defined(QWENCH_X86)
    {"f32_blockmerge_avx512", attention_avx512_unsupported, avx512},
    {"f32_blockmerge_avx2", attention_avx2_unsupported, avx2},
#endif
    honouring(
        Kernel<AttentionArgs>{"reference", always_supported<AttentionArgs>, attention_reference},
        {Option::kBlockList}),
};

void to_c(const AttentionArgs& a, QwenchArgs& to) {
  to.attention = {tensor(a.q),   tensor(a.slots), tensor(a.sequences), kv(a.cache),
                  tensor(a.out), a.scale,         blocks(a.blocks)};
}

}  // namespace

template <>
CpuOp<AttentionArgs> cpu_op() {
  return {kAttention, to_c};
}

}  // namespace qwench::cpu
