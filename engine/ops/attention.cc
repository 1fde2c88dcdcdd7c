// Cost, contract and example of attention.
#include "engine/ops/attention.h"

#include <algorithm>
#include <cmath>

#include "engine/ops/example.h"
#include "engine/ops/shape_checks.h"

namespace qwench {

OpCost cost(const AttentionArgs& a) {
  const int64_t head_dim = a.cache.head_dim;
  const int64_t key_and_value =
      row_bytes(a.cache.k_type, head_dim) + row_bytes(a.cache.v_type, head_dim);
  const int64_t read = a.n_keys * a.cache.n_kv_heads * key_and_value;
  return {4 * a.n_scores * a.q.shape[1] * head_dim, read + a.q.bytes() + a.out.bytes()};
}

void validate(const AttentionArgs& a) {
  QWENCH_CHECK(is_cache(a.cache, a.q.cols()) && a.q.shape == a.out.shape);
  QWENCH_CHECK(is_heads(a.q, a.q.shape[0], a.cache.head_dim) && a.out.data);
  QWENCH_CHECK(a.q.shape[1] % a.cache.n_kv_heads == 0);
  QWENCH_CHECK(is_index(a.slots, a.q.shape[0]) && is_index(a.sequences, a.q.shape[0]));
  QWENCH_CHECK(!a.blocks || is_block_list(a.blocks, a.q.shape[0], a.cache.n_kv_heads));
}

AttentionArgs example(Tag<AttentionArgs>, const OpSizes& s, ExampleAllocator& m) {
  AttentionArgs a;
  a.q = m.head_values(s, s.n_heads);
  a.slots = m.slots(s), a.sequences = m.sequences(s);
  a.cache = m.cache_of(s);
  a.scale = float(double(s.scale) / std::sqrt(double(s.head_dim)));
  a.out = m.room({s.n_tokens, s.n_heads, s.head_dim}, DType::kF32);
  if (s.sparse) a.blocks = m.first_block(s);
  // Token t stands in slot depth + t of sequence t % n_seq: the last one of each sequence reads the most.
  for (int64_t t = 0; t < s.n_tokens; ++t) {
    const int64_t slots = s.depth + t + 1, keys = s.sparse ? std::min(slots, kKvBlock) : slots;
    a.n_scores += keys;
    if (t >= s.n_tokens - s.n_seq) a.n_keys += keys;
  }
  return a;
}

}  // namespace qwench
