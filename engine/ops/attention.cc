// Cost, contract and example of attention.
#include "engine/ops/attention.h"

#include <algorithm>
#include <cmath>

#include "engine/ops/example.h"
#include "engine/ops/shape_checks.h"

namespace qwench {

OpCost cost(const AttentionArgs& a) {
  const int64_t head_dim = a.cache.head_dim;
  const int64_t kv_bytes = 2 * a.n_keys * a.cache.n_kv_heads * head_dim * size_of(a.cache.dtype);
  return {4 * a.n_scores * a.q.shape[1] * head_dim, kv_bytes + a.q.bytes() + a.out.bytes()};
}

void validate(const AttentionArgs& a) {
  QWENCH_CHECK(is_cache(a.cache, a.q.cols()) && a.q.shape == a.out.shape);
  QWENCH_CHECK(is_heads(a.q, a.q.shape[0], a.cache.head_dim) && a.out.data);
  QWENCH_CHECK(a.q.shape[1] % a.cache.n_kv_heads == 0);
  QWENCH_CHECK(is_index(a.positions, a.q.shape[0]) && is_index(a.sequences, a.q.shape[0]));
}

AttentionArgs example(Tag<AttentionArgs>, const OpSizes& s, ExampleAllocator& m) {
  AttentionArgs a;
  a.q = m.head_values(s, s.n_heads);
  a.positions = m.positions(s), a.sequences = m.sequences(s);
  a.cache = m.cache_of(s);
  a.scale = float(double(s.scale) / std::sqrt(double(s.head_dim)));
  a.out = m.room({s.n_tokens, s.n_heads, s.head_dim}, DType::kF32);
  a.n_scores = s.n_tokens * s.depth + s.n_tokens * (s.n_tokens + 1) / 2;
  // Token t stands at depth + t in sequence t % n_seq: the last one of each sequence reads the most.
  for (int64_t t = std::max<int64_t>(0, s.n_tokens - s.n_seq); t < s.n_tokens; ++t)
    a.n_keys += s.depth + t + 1;
  return a;
}

}  // namespace qwench
