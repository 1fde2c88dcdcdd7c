// Args of any op at given sizes: what the kernel lists are asked about and what `kernels` runs.
// Where the tensors live is the Allocator's business, so that questions cost no memory.
#pragma once
#include <vector>

#include "engine/backend.h"
#include "engine/checked.h"
#include "engine/model/config.h"

namespace qwench::bench {

struct OpSizes {
  int64_t n_tokens = 1, depth = 0;  // the tokens stand at positions depth, depth + 1, ...
  int64_t out = 4864, in = 896;     // of `linear`
  int64_t dim = 896, n_heads = 14, n_kv_heads = 2, head_dim = 64, ffn_dim = 4864, vocab = 151936;
  DType dtype = DType::kBF16, kv_dtype = DType::kF32;
  bool bias = false, qk_norm = false, tied = false;
  float eps = 1e-6f;

  int64_t q_dim() const { return n_heads * head_dim; }
  int64_t kv_dim() const { return n_kv_heads * head_dim; }
  int64_t capacity() const { return round_up(depth + n_tokens, kKvBlock); }
};

OpSizes sizes_of(const ModelConfig& config, DType dtype, DType kv_dtype);

class ExampleAllocator {
 public:
  virtual ~ExampleAllocator() = default;
  /// f32 values of about unit size.
  virtual TensorView values(Shape shape) = 0;
  /// f32 or i32, zero.
  virtual TensorView zeros(Shape shape, DType dtype) = 0;
  /// i32: start + i * step, kept below `limit`.
  virtual TensorView sequence(int64_t n, int64_t start, int64_t step, int64_t limit) = 0;
  virtual WeightView weight(int64_t out, int64_t in, DType dtype, WeightUse use) = 0;
  /// One sequence of keys and values.
  virtual KvView cache(int64_t n_kv_heads, int64_t capacity, int64_t head_dim, DType dtype) = 0;
};

/// No memory at all: every address is the same, enough for questions about shapes and types.
class NoMemory : public ExampleAllocator {
 public:
  TensorView values(Shape shape) override { return zeros(shape, DType::kF32); }
  TensorView zeros(Shape shape, DType dtype) override { return {&byte_, dtype, shape}; }
  TensorView sequence(int64_t n, int64_t, int64_t, int64_t) override {
    return zeros({n}, DType::kI32);
  }
  WeightView weight(int64_t out, int64_t in, DType dtype, WeightUse) override {
    return {dtype, out, in, &byte_, &byte_};
  }
  KvView cache(int64_t n_kv_heads, int64_t capacity, int64_t head_dim, DType dtype) override {
    return {&byte_, &byte_, dtype, 1, n_kv_heads, capacity, head_dim};
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

/// True when a second run of the same args starts from what the first one left.
bool in_place(OpId op);

/// True for ops whose weights or keys come from memory at every token; the others work on rows that
/// the op before left in the cache.
bool streams_from_memory(OpId op);

}  // namespace qwench::bench
