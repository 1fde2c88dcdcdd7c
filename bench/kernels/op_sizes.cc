// Ops are asked with args that own no memory.
#include "bench/kernels/op_sizes.h"
#include "bench/model/kv_choice.h"

#include <algorithm>
#include <map>

#include "engine/model/weights.h"

namespace qwench::bench {

namespace {

/// f(args) of the op at these sizes.
template <class F>
void with_example(OpId op, const OpSizes& sizes, F&& f) {
  with_op(op, [&](auto tag) {
    NoMemory none;
    f(example<typename decltype(tag)::type>(sizes, none));
  });
}

std::optional<KvView> cache_of(OpId op, const OpSizes& sizes) {
  std::optional<KvView> found;
  with_example(op, sizes, [&](const auto& args) {
    for_each_field<KvView>(args, [&](Use, const KvView& cache) { found = cache; });
  });
  return found;
}

/// The shape of the first tensor with a row for every token.
Shape rows_of(OpId op, const OpSizes& sizes) {
  Shape first;
  with_example(op, sizes, [&](auto args) {
    for (const TensorView* t : token_rows(args))
      if (*t && first.rank == 0) first = t->shape;
  });
  return first;
}

/// Sizes of few heads: three of queries on one of keys and values.
OpSizes few_heads() {
  OpSizes s;
  s.n_heads = 3, s.n_kv_heads = 1, s.head_dim = 32;
  return s;
}

}  // namespace

OpSizes sizes_of(const ModelOptions& options, const Checkpoint& checkpoint) {
  const ModelConfig& c = checkpoint.config();
  OpSizes s;
  s.out = c.ffn_dim, s.in = c.dim;
  s.dim = c.dim, s.n_heads = c.n_heads, s.n_kv_heads = c.n_kv_heads, s.head_dim = c.head_dim;
  s.ffn_dim = c.ffn_dim, s.vocab = c.vocab;
  s.kv_dtype = kv_type(options).dtype;
  s.bias = c.qkv_bias, s.qk_norm = c.qk_norm, s.tied = c.tied_embeddings;
  s.eps = float(c.norm_eps);
  const LoadOptions load = load_options(options);
  std::map<DType, int64_t> elements;  // of the layers' matrices
  for (const TensorInfo& t : checkpoint.tensors()) {
    const bool embedding = t.name == "model.embed_tokens.weight", head = t.name == "lm_head.weight";
    if (c.tied_embeddings ? embedding : head) s.table = held_dtype(t, load);
    if (t.shape.rank == 2 && !embedding && !head) elements[held_dtype(t, load)] += t.shape.count();
  }
  int64_t most = 0;
  for (const auto& [dtype, n] : elements)
    if (n > most) s.dtype = dtype, most = n;
  return s;
}

WeightView HeldLayouts::weight(int64_t out, int64_t in, DType dtype, WeightUse use) {
  constexpr int64_t kRows = 64;
  const Weight held = backend_.allocate_weight(dtype, std::min(out, kRows), in, use);
  WeightView view = NoMemory::weight(out, in, dtype, use);
  if (!held.view.plain) view.plain = nullptr;
  if (!held.view.packed) view.packed = nullptr;
  return view;
}

std::optional<MatrixSize> matrix_of(OpId op, const OpSizes& sizes) {
  std::optional<MatrixSize> all;
  with_example(op, sizes, [&](const auto& args) {
    for_each_field<WeightView>(args, [&](Use, const WeightView& w) {
      all = MatrixSize{(all ? all->out : 0) + w.out, w.in};
    });
  });
  return all;
}

bool has_heads(OpId op) {
  const auto elements = [op](const OpSizes& sizes) {
    int64_t n = 0;
    with_example(op, sizes, [&](auto args) {
      for (const TensorView* t : token_rows(args)) n += t->shape.count();
    });
    return n;
  };
  return elements(OpSizes()) != elements(few_heads());
}

std::string shape_text(OpId op, const OpSizes& sizes) {
  if (const std::optional<MatrixSize> m = matrix_of(op, sizes))
    return fmt::format("{}x{}", m->out, m->in);
  const Shape rows = rows_of(op, sizes);
  if (rows.rank < 3) return fmt::format("{}", rows[rows.rank - 1]);
  std::string text = fmt::format("{} heads of {}", rows[1], rows[2]);
  const std::optional<KvView> cache = cache_of(op, sizes);
  const bool grouped = rows_of(op, few_heads())[1] == few_heads().n_heads;
  if (cache && grouped) text += fmt::format(" on {}", cache->n_kv_heads);
  if (cache && streams_from_memory(op)) text += fmt::format(", {} before", sizes.depth);
  return text;
}

std::optional<DType> type_of(OpId op, const OpSizes& sizes) {
  std::optional<DType> type;
  if (const std::optional<KvView> cache = cache_of(op, sizes)) type = cache->k_type;
  with_example(op, sizes, [&](const auto& args) {
    for_each_field<WeightView>(args, [&](Use, const WeightView& w) { type = w.dtype; });
  });
  return type;
}

bool streams_from_memory(OpId op) {
  bool streams = false;
  with_op(op,
          [&](auto tag) { streams = qwench::streams_from_memory<typename decltype(tag)::type>(); });
  return streams;
}

}  // namespace qwench::bench
