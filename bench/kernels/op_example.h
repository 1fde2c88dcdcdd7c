// Args of any op at given sizes: what the kernel lists are asked about and what `kernels` runs.
// Where the tensors live is the Allocator's business, so that questions cost no memory.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "bench/model/model_options.h"
#include "engine/backend.h"
#include "engine/checked.h"

namespace qwench::bench {

struct OpSizes {
  int64_t n_tokens = 1, depth = 0;  // the tokens stand at positions depth, depth + 1, ...
  int64_t n_seq = 1;                // more: the tokens are those of so many sequences in turn
  int64_t out = 4864, in = 896;     // of `linear`
  int64_t dim = 896, n_heads = 14, n_kv_heads = 2, head_dim = 64, ffn_dim = 4864, vocab = 151936;
  DType dtype = DType::kBF16, kv_dtype = DType::kF32;
  DType table = DType::kBF16;  // of the embedding and of the head
  bool bias = false, qk_norm = false, tied = false, delta = true;  // tensors that may be missing
  bool into_up = false;                                            // swiglu: h is `up`
  float eps = 1e-6f;
  float scale = 1;    // of attention, as a part of 1 / sqrt(head_dim)
  double limit = 1;   // of argmax, as a part of vocab
  bool ties = false;  // argmax: many logits are equal

  int64_t q_dim() const { return n_heads * head_dim; }
  int64_t kv_dim() const { return n_kv_heads * head_dim; }
  int64_t capacity() const { return round_up(depth + n_tokens, kKvBlock); }
};

/// Of the model as the options hold it. dtype: that of most of its matrices.
OpSizes sizes_of(const ModelOptions& options, const Checkpoint& checkpoint);

/// Rows and columns of all matrices of the op together, [out, in]; nothing for an op without weights.
struct MatrixSize {
  int64_t out = 0, in = 0;
};
std::optional<MatrixSize> matrix_of(OpId op, const OpSizes& sizes);
/// True for ops on heads of queries, keys or values.
bool has_heads(OpId op);
/// "4864x896", "14 heads of 64 on 2, 512 before", "896": what the figures of the op depend on besides the
/// tokens.
std::string shape_text(OpId op, const OpSizes& sizes);
/// The type of what the op reads or writes besides activations: its weights, or keys and values. Nothing for
/// the others.
std::optional<DType> type_of(OpId op, const OpSizes& sizes);

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
  /// The keys and values of n_seq sequences.
  virtual KvView cache(int64_t n_seq, int64_t n_kv_heads, int64_t capacity, int64_t head_dim,
                       DType dtype) = 0;
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
    return {dtype, out, in, &byte_, &byte_};
  }
  KvView cache(int64_t n_seq, int64_t n_kv_heads, int64_t capacity, int64_t head_dim,
               DType dtype) override {
    return {&byte_, &byte_, dtype, n_seq, n_kv_heads, capacity, head_dim};
  }

 private:
  alignas(64) char byte_ = 0;
};

/// The same, with the weight layouts that the backend's policy makes import() hold: room for a few rows
/// is made to see.
class HeldLayouts : public NoMemory {
 public:
  explicit HeldLayouts(Backend& backend) : backend_(backend) {}
  WeightView weight(int64_t out, int64_t in, DType dtype, WeightUse use) override;

 private:
  Backend& backend_;
};

template <class Args>
Args example(const OpSizes& sizes, ExampleAllocator& memory);

/// The tensors that the op writes; the caches as flat rows.
template <class Args>
std::vector<TensorView> outputs(const Args& args);

/// The tensors of args that have a row for every token, inputs first; some may be missing.
template <class Args>
std::vector<TensorView*> token_rows(Args& args);

/// The args of tokens [first, first + n) alone.
template <class Args>
Args part_of(Args args, int64_t first, int64_t n) {
  for (TensorView* t : token_rows(args)) {
    if (!*t) continue;
    t->data = static_cast<char*>(t->data) + first * (t->bytes() / t->shape[0]);
    t->shape.dim[0] = n;
  }
  return args;
}

/// True when a second run of the same args starts from what the first one left.
bool in_place(OpId op);

/// True for ops whose weights or keys come from memory at every token; the others work on rows that
/// the op before left in the cache.
bool streams_from_memory(OpId op);

}  // namespace qwench::bench
