// One layer's keys and values as the ops see them.
#pragma once
#include "engine/base/tensor.h"

namespace qwench {

/// Positions per KV block. Blocks are cut at absolute positions, so a sum over keys has one order.
constexpr int64_t kKvBlock = 64;

/// Keys and values of every sequence of a session. Within a block of kKvBlock positions keys are stored
/// transposed, so that 8 keys' scores are 8 SIMD lanes.
struct KvView {
  void* k = nullptr;  // [n_seq, n_kv_heads, capacity / kKvBlock, head_dim, kKvBlock]
  void* v = nullptr;  // [n_seq, n_kv_heads, capacity, head_dim]
  DType dtype = DType::kF32;
  int64_t n_seq = 0, n_kv_heads = 0, capacity = 0, head_dim = 0;  // capacity % kKvBlock == 0

  /// Index of k[seq, head, pos, d] and v[seq, head, pos, d], in elements.
  int64_t k_index(int64_t seq, int64_t head, int64_t pos, int64_t d) const {
    const int64_t block = pos / kKvBlock * kKvBlock;
    return ((seq * n_kv_heads + head) * capacity + block) * head_dim + d * kKvBlock +
           pos % kKvBlock;
  }
  int64_t v_index(int64_t seq, int64_t head, int64_t pos, int64_t d) const {
    return ((seq * n_kv_heads + head) * capacity + pos) * head_dim + d;
  }

  /// All keys, or all values, as rows [n_seq * n_kv_heads * capacity, head_dim].
  TensorView flat_k() const { return flat(k); }
  TensorView flat_v() const { return flat(v); }

 private:
  TensorView flat(void* data) const {
    return {data, dtype, {n_seq * n_kv_heads * capacity, head_dim}};
  }
};

}  // namespace qwench
