// One layer's keys and values as the ops see them: pages, and which of them a sequence has.
#pragma once
#include "engine/base/tensor.h"

namespace qwench {

/// Slots of a page, which is a KV block. Blocks are cut at absolute slots, so a sum over keys has one order.
constexpr int64_t kKvBlock = 64;

/// What a page of one layer holds: keys and values of kKvBlock slots, each in a type of its own. How they lie in
/// it is the backend's business.
struct KvShape {
  DType k_type = DType::kF32, v_type = DType::kF32;
  int64_t n_kv_heads = 0, head_dim = 0;

  int64_t k_bytes() const { return kKvBlock * n_kv_heads * row_bytes(k_type, head_dim); }
  int64_t v_bytes() const { return kKvBlock * n_kv_heads * row_bytes(v_type, head_dim); }
  int64_t bytes() const { return k_bytes() + v_bytes(); }  // of a page
};

/// A token's slot is its index in its sequence; slot s lies in page page_table[sequence, s / kKvBlock].
struct KvView : KvShape {
  void* k = nullptr;  // keys of page 0; those of page p lie p * page_bytes behind
  void* v = nullptr;  // values, the same
  int64_t page_bytes = 0, n_pages = 0;
  TensorView page_table = {};  // [n_seq, pages of a sequence] i32

  KvView() = default;
  /// n pages from `first` on, the keys of a page before its values.
  KvView(const KvShape& shape, void* first, int64_t n, const TensorView& table)
      : KvShape(shape),
        k(first),
        v(static_cast<char*>(first) + shape.k_bytes()),
        page_bytes(shape.bytes()),
        n_pages(n),
        page_table(table) {}

  /// Slots of a sequence.
  int64_t capacity() const { return page_table.cols() * kKvBlock; }
  /// Keys, or values, of a page: [n_kv_heads * kKvBlock, head_dim] elements in the backend's order.
  TensorView k_page(int64_t page) const { return part(k, k_type, page); }
  TensorView v_page(int64_t page) const { return part(v, v_type, page); }

 private:
  TensorView part(void* first, DType type, int64_t page) const {
    return {static_cast<char*>(first) + page * page_bytes, type, {n_kv_heads * kKvBlock, head_dim}};
  }
};

/// Which blocks of keys the tokens read, where it is not every block up to their own: per query tile and KV
/// head. A token sees no slot after its own in them either.
struct BlockList {
  TensorView rows =
      {};  // [n_tokens] i32: a token's row of the list, one for all tokens of a query tile
  TensorView counts = {};  // [n_rows, n_kv_heads] i32: blocks that are read, one at least
  TensorView blocks = {};  // [n_rows, n_kv_heads, most] i32: slot / kKvBlock, ascending

  explicit operator bool() const { return bool(rows); }
};

}  // namespace qwench
