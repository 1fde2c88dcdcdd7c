// How the CPU's kernels order a page: keys [n_kv_heads, head_dim, kKvBlock], so that 8 keys' scores are 8 SIMD
// lanes; values [n_kv_heads, kKvBlock, head_dim].
#pragma once
#include <string_view>

#include "engine/base/tensor.h"
#include "engine/ops/kv_view.h"

namespace qwench::cpu {
namespace {  // one copy per file: never merged with code built for another ISA

/// The same in words; another order needs other words.
constexpr std::string_view kKvLayout = "k [n_kv_heads, head_dim, 64], v [n_kv_heads, 64, head_dim]";

/// Keys and values of one head in the page of a slot.
struct KvBlock {
  char* k;  // [head_dim, kKvBlock]
  char* v;  // [kKvBlock, head_dim]
};

inline KvBlock kv_block(const KvView& kv, int64_t sequence, int64_t slot, int64_t kv_head) {
  const int64_t page = kv.page_table.row<const int32_t>(sequence)[slot / kKvBlock];
  const auto head = [&](void* first, DType type) {
    return static_cast<char*>(first) + page * kv.page_bytes +
           kv_head * kKvBlock * row_bytes(type, kv.head_dim);
  };
  return {head(kv.k, kv.k_type), head(kv.v, kv.v_type)};
}

/// Places within a block, in elements.
inline int64_t key_place(int64_t slot, int64_t d) { return d * kKvBlock + slot % kKvBlock; }
inline int64_t value_place(int64_t slot, int64_t d, int64_t head_dim) {
  return slot % kKvBlock * head_dim + d;
}

/// One stored number; f32, f16 or bf16.
inline float load(const char* block, DType type, int64_t i) {
  switch (type) {
    case DType::kF16: return f16_to_f32(reinterpret_cast<const uint16_t*>(block)[i]);
    case DType::kBF16: return bf16_to_f32(reinterpret_cast<const uint16_t*>(block)[i]);
    default: return reinterpret_cast<const float*>(block)[i];
  }
}
inline void store(char* block, DType type, int64_t i, float value) {
  switch (type) {
    case DType::kF16: reinterpret_cast<uint16_t*>(block)[i] = f32_to_f16(value); break;
    case DType::kBF16: reinterpret_cast<uint16_t*>(block)[i] = f32_to_bf16(value); break;
    default: reinterpret_cast<float*>(block)[i] = value;
  }
}

}  // namespace
}  // namespace qwench::cpu
