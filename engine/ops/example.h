// Args of any op at given sizes: what kernels are asked about, what is timed and what is tested. Where the
// tensors live is the ExampleAllocator's business, so that questions cost no memory.
#pragma once
#include "engine/base/checked.h"
#include "engine/ops/kv_view.h"
#include "engine/ops/op.h"
#include "engine/ops/rope.h"

namespace qwench {

struct OpSizes {
  int64_t n_tokens = 1, depth = 0;  // the tokens stand in slots depth, depth + 1, ...
  int64_t n_seq = 1;                // more: the tokens are those of so many sequences in turn
  int64_t out = 4864, in = 896;     // of `linear`
  int64_t dim = 896, n_heads = 14, n_kv_heads = 2, head_dim = 64, ffn_dim = 4864, vocab = 151936;
  DType dtype = DType::kBF16, kv_dtype = DType::kF32;
  DType table = DType::kBF16;                        // of the embedding and of the head
  bool bias = false, qk_norm = false, tied = false;  // tensors that may be missing
  bool residual = false;                             // linear: y += instead of y =
  bool into_up = false;                              // swiglu: h is `up`
  bool tanh = false;                                 // gelu: by the approximation
  float eps = 1e-6f;
  float scale = 1;    // of attention, as a part of 1 / sqrt(head_dim)
  double limit = 1;   // of argmax, as a part of vocab
  bool ties = false;  // argmax: many logits are equal
  // What only kernels take that list the Option:
  bool ordered = false;              // weights with an order of inputs of their own
  bool sparse = false;               // attention to the first block of keys alone
  int64_t n_axes = 1, n_tables = 1;  // of RoPE

  int64_t q_dim() const { return n_heads * head_dim; }
  int64_t kv_dim() const { return n_kv_heads * head_dim; }
  int64_t capacity() const { return round_up(depth + n_tokens, kKvBlock); }
};

class ExampleAllocator {
 public:
  virtual ~ExampleAllocator() = default;
  /// f32 values of about unit size.
  virtual TensorView values(Shape shape) = 0;
  /// f32 values of which many are equal.
  virtual TensorView ties(Shape shape) = 0;
  /// f32 or i32, to be written: holds no number that could pass for a result.
  virtual TensorView room(Shape shape, DType dtype) = 0;
  /// i32: start + i * step, kept below `limit`.
  virtual TensorView sequence(int64_t n, int64_t start, int64_t step, int64_t limit) = 0;
  virtual WeightView weight(int64_t out, int64_t in, DType dtype, WeightUse use) = 0;
  /// f32, f16 or bf16: values of about unit size, as they are stored.
  virtual TensorView stored(Shape shape, DType dtype) = 0;

  // What several ops have.
  TensorView row_values(const OpSizes& s, int64_t width) { return values({s.n_tokens, width}); }
  TensorView row_room(const OpSizes& s, int64_t width) {
    return room({s.n_tokens, width}, DType::kF32);
  }
  TensorView head_values(const OpSizes& s, int64_t heads) {
    return values({s.n_tokens, heads, s.head_dim});
  }
  TensorView bias(const OpSizes& s, int64_t width) {
    return s.bias ? values({width}) : TensorView{};
  }
  TensorView slots(const OpSizes& s) {
    return sequence(s.n_tokens, s.depth, 1, s.depth + s.n_tokens);
  }
  /// Positions go on from slot to slot; of several axes from axis to axis, and the pairs take these in turn.
  Rotation rotation(const OpSizes& s) {
    Rotation r;
    r.positions = slots(s);
    if (s.n_axes > 1) {
      r.positions = sequence(s.n_tokens * s.n_axes, s.depth, 1, s.depth + s.n_tokens);
      r.axes = sequence(s.head_dim / 2, 0, 1, s.n_axes);
    }
    r.positions.shape = {s.n_tokens, s.n_axes};
    Shape table{s.capacity(), s.head_dim / 2};
    if (s.n_tables > 1) {
      table = {s.n_tables, s.capacity(), s.head_dim / 2};
      r.tables = sequence(s.n_tokens, 1, 1, s.n_tables);
    }
    r.cos = values(table), r.sin = values(table);
    return r;
  }
  TensorView sequences(const OpSizes& s) { return sequence(s.n_tokens, 0, 1, s.n_seq); }
  /// The sequences have the pages one after another, from page 1 on; page 0 comes last.
  KvView cache_of(const OpSizes& s) {
    const int64_t n = s.n_seq * (s.capacity() / kKvBlock);
    void* const first = stored({n * 2 * s.n_kv_heads * kKvBlock, s.head_dim}, s.kv_dtype).data;
    TensorView table = sequence(n, 1, 1, n);
    table.shape = {s.n_seq, n / s.n_seq};
    return {{s.kv_dtype, s.kv_dtype, s.n_kv_heads, s.head_dim}, first, n, table};
  }
  /// A list of block 0 for every token.
  BlockList first_block(const OpSizes& s) {
    const int64_t n = s.n_tokens * s.n_kv_heads;
    BlockList list;
    list.rows = sequence(s.n_tokens, 0, 1, s.n_tokens);
    list.counts = sequence(n, 1, 0, 2), list.counts.shape = {s.n_tokens, s.n_kv_heads};
    list.blocks = sequence(n, 0, 0, 1), list.blocks.shape = {s.n_tokens, s.n_kv_heads, 1};
    return list;
  }
  /// A matrix whose inputs come in an order of its own where the sizes say so.
  WeightView matrix(const OpSizes& s, int64_t out, int64_t in) {
    WeightView w = weight(out, in, s.dtype, WeightUse::kLinear);
    if (s.ordered) w.order = sequence(in, 1, 1, in);
    return w;
  }
};

/// No memory at all: every address is the same, enough for questions about shapes and types.
class NoMemory : public ExampleAllocator {
 public:
  TensorView values(Shape shape) override { return room(shape, DType::kF32); }
  TensorView ties(Shape shape) override { return room(shape, DType::kF32); }
  TensorView room(Shape shape, DType dtype) override { return {&byte_, dtype, shape}; }
  TensorView sequence(int64_t n, int64_t, int64_t, int64_t) override {
    return room({n}, DType::kI32);
  }
  WeightView weight(int64_t out, int64_t in, DType dtype, WeightUse) override {
    return {dtype, out, in, &byte_, &byte_, {}};
  }
  TensorView stored(Shape shape, DType dtype) override { return room(shape, dtype); }

 private:
  alignas(64) char byte_ = 0;
};

template <class Args>
Args example(const OpSizes& sizes, ExampleAllocator& memory) {
  return example(Tag<Args>{}, sizes, memory);
}

}  // namespace qwench
