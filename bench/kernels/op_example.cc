// Short functions of each op, in the order of op.h.
#include "bench/kernels/op_example.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "engine/model/weights.h"

namespace qwench::bench {

namespace {

TensorView positions(const OpSizes& s, ExampleAllocator& m) {
  return m.sequence(s.n_tokens, s.depth, 1, s.depth + s.n_tokens);
}
TensorView sequences(const OpSizes& s, ExampleAllocator& m) {
  return m.sequence(s.n_tokens, 0, 1, s.n_seq);
}
KvView cache(const OpSizes& s, ExampleAllocator& m) {
  return m.cache(s.n_seq, s.n_kv_heads, s.capacity(), s.head_dim, s.kv_dtype);
}
TensorView row_values(const OpSizes& s, ExampleAllocator& m, int64_t width) {
  return m.values({s.n_tokens, width});
}
TensorView row_room(const OpSizes& s, ExampleAllocator& m, int64_t width) {
  return m.room({s.n_tokens, width}, DType::kF32);
}
TensorView head_values(const OpSizes& s, ExampleAllocator& m, int64_t heads) {
  return m.values({s.n_tokens, heads, s.head_dim});
}
TensorView bias(const OpSizes& s, ExampleAllocator& m, int64_t width) {
  return s.bias ? m.values({width}) : TensorView{};
}
WeightUse use_of_embedding(const OpSizes& s) {
  return s.tied ? WeightUse::kTiedEmbedding : WeightUse::kEmbedding;
}
WeightUse use_of_head(const OpSizes& s) {
  return s.tied ? WeightUse::kTiedEmbedding : WeightUse::kHead;
}
TensorView flat(void* data, const KvView& c) {
  return {data, c.dtype, {c.n_seq * c.n_kv_heads * c.capacity, c.head_dim}};
}

}  // namespace

WeightView HeldLayouts::weight(int64_t out, int64_t in, DType dtype, WeightUse use) {
  constexpr int64_t kRows = 64;
  const Weight held = backend_.allocate_weight(dtype, std::min(out, kRows), in, use);
  WeightView view = NoMemory::weight(out, in, dtype, use);
  if (!held.view.plain) view.plain = nullptr;
  if (!held.view.packed) view.packed = nullptr;
  return view;
}

OpSizes sizes_of(const ModelOptions& options, const Checkpoint& checkpoint) {
  const ModelConfig& c = checkpoint.config();
  OpSizes s;
  s.out = c.ffn_dim, s.in = c.dim;
  s.dim = c.dim, s.n_heads = c.n_heads, s.n_kv_heads = c.n_kv_heads, s.head_dim = c.head_dim;
  s.ffn_dim = c.ffn_dim, s.vocab = c.vocab;
  s.kv_dtype = parse_dtype(options.kv_dtype);
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

std::optional<MatrixSize> matrix_of(OpId op, const OpSizes& s) {
  switch (op) {
    case OpId::kLinear: return MatrixSize{s.out, s.in};
    case OpId::kQkvLinear: return MatrixSize{s.q_dim() + 2 * s.kv_dim(), s.dim};
    case OpId::kGateUpSwiGlu: return MatrixSize{2 * s.ffn_dim, s.dim};
    case OpId::kLogits:
    case OpId::kEmbed: return MatrixSize{s.vocab, s.dim};
    default: return std::nullopt;
  }
}

bool has_heads(OpId op) {
  switch (op) {
    case OpId::kQkvLinear:
    case OpId::kQkNormRope:
    case OpId::kAttention:
    case OpId::kHeadNorm:
    case OpId::kRope:
    case OpId::kKvStore: return true;
    default: return false;
  }
}

std::string shape_text(OpId op, const OpSizes& s) {
  if (const std::optional<MatrixSize> m = matrix_of(op, s))
    return fmt::format("{}x{}", m->out, m->in);
  const std::string heads = fmt::format("{} heads of {}", s.n_heads, s.head_dim);
  switch (op) {
    case OpId::kAttention: return fmt::format("{} on {}, {} before", heads, s.n_kv_heads, s.depth);
    case OpId::kQkNormRope: return fmt::format("{} on {}", heads, s.n_kv_heads);
    case OpId::kKvStore: return fmt::format("{} heads of {}", s.n_kv_heads, s.head_dim);
    case OpId::kHeadNorm:
    case OpId::kRope: return heads;
    case OpId::kArgmax: return fmt::format("{}", s.vocab);
    case OpId::kSwiGlu: return fmt::format("{}", s.ffn_dim);
    default: return fmt::format("{}", s.dim);
  }
}

std::optional<DType> type_of(OpId op, const OpSizes& s) {
  switch (op) {
    case OpId::kLinear:
    case OpId::kQkvLinear:
    case OpId::kGateUpSwiGlu: return s.dtype;
    case OpId::kLogits:
    case OpId::kEmbed: return s.table;
    case OpId::kAttention:
    case OpId::kQkNormRope:
    case OpId::kKvStore: return s.kv_dtype;
    default: return std::nullopt;
  }
}

template <>
EmbedArgs example(const OpSizes& s, ExampleAllocator& m) {
  return {m.sequence(s.n_tokens, 17, 7919, s.vocab),
          m.weight(s.vocab, s.dim, s.table, use_of_embedding(s)), row_room(s, m, s.dim)};
}
template <>
LinearArgs example(const OpSizes& s, ExampleAllocator& m) {
  return {row_values(s, m, s.in), m.weight(s.out, s.in, s.dtype, WeightUse::kLinear),
          bias(s, m, s.out), row_room(s, m, s.out)};
}
template <>
AddArgs example(const OpSizes& s, ExampleAllocator& m) {
  return {row_values(s, m, s.dim), row_values(s, m, s.dim)};
}
template <>
RmsNormArgs example(const OpSizes& s, ExampleAllocator& m) {
  return {row_values(s, m, s.dim), m.values({s.dim}), s.eps, row_room(s, m, s.dim)};
}
template <>
HeadNormArgs example(const OpSizes& s, ExampleAllocator& m) {
  return {head_values(s, m, s.n_heads), m.values({s.head_dim}), s.eps};
}
template <>
RopeArgs example(const OpSizes& s, ExampleAllocator& m) {
  const Shape table{s.capacity(), s.head_dim / 2};
  return {head_values(s, m, s.n_heads), positions(s, m), m.values(table), m.values(table)};
}
template <>
KvStoreArgs example(const OpSizes& s, ExampleAllocator& m) {
  return {head_values(s, m, s.n_kv_heads), head_values(s, m, s.n_kv_heads), positions(s, m),
          sequences(s, m), cache(s, m)};
}
template <>
AttentionArgs example(const OpSizes& s, ExampleAllocator& m) {
  AttentionArgs a;
  a.q = head_values(s, m, s.n_heads);
  a.positions = positions(s, m), a.sequences = sequences(s, m);
  a.cache = cache(s, m);
  a.scale = float(double(s.scale) / std::sqrt(double(s.head_dim)));
  a.n_keys = s.n_tokens * s.depth + s.n_tokens * (s.n_tokens + 1) / 2;
  a.out = m.room({s.n_tokens, s.n_heads, s.head_dim}, DType::kF32);
  return a;
}
template <>
SwiGluArgs example(const OpSizes& s, ExampleAllocator& m) {
  const TensorView gate = row_values(s, m, s.ffn_dim), up = row_values(s, m, s.ffn_dim);
  return {gate, up, s.into_up ? up : row_room(s, m, s.ffn_dim)};
}
template <>
ArgmaxArgs example(const OpSizes& s, ExampleAllocator& m) {
  const auto limit = std::max<int64_t>(1, int64_t(double(s.vocab) * s.limit));
  return {s.ties ? m.ties({s.n_tokens, s.vocab}) : row_values(s, m, s.vocab),
          m.room({s.n_tokens}, DType::kI32), limit};
}
template <>
AddRmsNormArgs example(const OpSizes& s, ExampleAllocator& m) {
  return {s.delta ? row_values(s, m, s.dim) : TensorView{}, row_values(s, m, s.dim),
          m.values({s.dim}), s.eps, row_room(s, m, s.dim)};
}
template <>
QkvLinearArgs example(const OpSizes& s, ExampleAllocator& m) {
  QkvLinearArgs a;
  a.x = row_values(s, m, s.dim);
  a.wq = m.weight(s.q_dim(), s.dim, s.dtype, WeightUse::kLinear);
  a.wk = m.weight(s.kv_dim(), s.dim, s.dtype, WeightUse::kLinear);
  a.wv = m.weight(s.kv_dim(), s.dim, s.dtype, WeightUse::kLinear);
  a.bias_q = bias(s, m, s.q_dim()), a.bias_k = bias(s, m, s.kv_dim());
  a.bias_v = bias(s, m, s.kv_dim());
  a.q = row_room(s, m, s.q_dim()), a.k = row_room(s, m, s.kv_dim());
  a.v = row_room(s, m, s.kv_dim());
  return a;
}
template <>
QkNormRopeArgs example(const OpSizes& s, ExampleAllocator& m) {
  const Shape table{s.capacity(), s.head_dim / 2};
  QkNormRopeArgs a;
  a.q = head_values(s, m, s.n_heads);
  a.k = head_values(s, m, s.n_kv_heads), a.v = head_values(s, m, s.n_kv_heads);
  if (s.qk_norm) a.q_norm = m.values({s.head_dim}), a.k_norm = m.values({s.head_dim});
  a.eps = s.eps;
  a.positions = positions(s, m), a.sequences = sequences(s, m);
  a.cos = m.values(table), a.sin = m.values(table);
  a.cache = cache(s, m);
  return a;
}
template <>
GateUpSwiGluArgs example(const OpSizes& s, ExampleAllocator& m) {
  return {row_values(s, m, s.dim), m.weight(s.ffn_dim, s.dim, s.dtype, WeightUse::kLinear),
          m.weight(s.ffn_dim, s.dim, s.dtype, WeightUse::kLinear), row_room(s, m, s.ffn_dim),
          row_room(s, m, s.ffn_dim)};
}
template <>
LogitsArgs example(const OpSizes& s, ExampleAllocator& m) {
  return {row_values(s, m, s.dim), m.weight(s.vocab, s.dim, s.table, use_of_head(s)),
          row_room(s, m, s.vocab)};
}

// clang-format off
template <> std::vector<TensorView> outputs(const EmbedArgs& a) { return {a.x}; }
template <> std::vector<TensorView> outputs(const LinearArgs& a) { return {a.y}; }
template <> std::vector<TensorView> outputs(const AddArgs& a) { return {a.x}; }
template <> std::vector<TensorView> outputs(const RmsNormArgs& a) { return {a.y}; }
template <> std::vector<TensorView> outputs(const HeadNormArgs& a) { return {a.x}; }
template <> std::vector<TensorView> outputs(const RopeArgs& a) { return {a.x}; }
template <> std::vector<TensorView> outputs(const KvStoreArgs& a) {
  return {flat(a.cache.k, a.cache), flat(a.cache.v, a.cache)};
}
template <> std::vector<TensorView> outputs(const AttentionArgs& a) { return {a.out}; }
template <> std::vector<TensorView> outputs(const SwiGluArgs& a) { return {a.h}; }
template <> std::vector<TensorView> outputs(const ArgmaxArgs& a) { return {a.ids}; }
template <> std::vector<TensorView> outputs(const AddRmsNormArgs& a) { return {a.x, a.y}; }
template <> std::vector<TensorView> outputs(const QkvLinearArgs& a) { return {a.q, a.k, a.v}; }
template <> std::vector<TensorView> outputs(const QkNormRopeArgs& a) {
  return {a.q, flat(a.cache.k, a.cache), flat(a.cache.v, a.cache)};
}
template <> std::vector<TensorView> outputs(const GateUpSwiGluArgs& a) { return {a.h}; }
template <> std::vector<TensorView> outputs(const LogitsArgs& a) { return {a.y}; }

template <> std::vector<TensorView*> token_rows(EmbedArgs& a) { return {&a.tokens, &a.x}; }
template <> std::vector<TensorView*> token_rows(LinearArgs& a) { return {&a.x, &a.y}; }
template <> std::vector<TensorView*> token_rows(AddArgs& a) { return {&a.delta, &a.x}; }
template <> std::vector<TensorView*> token_rows(RmsNormArgs& a) { return {&a.x, &a.y}; }
template <> std::vector<TensorView*> token_rows(HeadNormArgs& a) { return {&a.x}; }
template <> std::vector<TensorView*> token_rows(RopeArgs& a) { return {&a.x, &a.positions}; }
template <> std::vector<TensorView*> token_rows(KvStoreArgs& a) {
  return {&a.k, &a.v, &a.positions, &a.sequences};
}
template <> std::vector<TensorView*> token_rows(AttentionArgs& a) {
  return {&a.q, &a.positions, &a.sequences, &a.out};
}
template <> std::vector<TensorView*> token_rows(SwiGluArgs& a) { return {&a.gate, &a.up, &a.h}; }
template <> std::vector<TensorView*> token_rows(ArgmaxArgs& a) { return {&a.logits, &a.ids}; }
template <> std::vector<TensorView*> token_rows(AddRmsNormArgs& a) { return {&a.delta, &a.x, &a.y}; }
template <> std::vector<TensorView*> token_rows(QkvLinearArgs& a) {
  return {&a.x, &a.q, &a.k, &a.v};
}
template <> std::vector<TensorView*> token_rows(QkNormRopeArgs& a) {
  return {&a.q, &a.k, &a.v, &a.positions, &a.sequences};
}
template <> std::vector<TensorView*> token_rows(GateUpSwiGluArgs& a) {
  return {&a.x, &a.scratch, &a.h};
}
template <> std::vector<TensorView*> token_rows(LogitsArgs& a) { return {&a.x, &a.y}; }
// clang-format on

bool in_place(OpId op) {
  switch (op) {
    case OpId::kAdd:
    case OpId::kAddRmsNorm:
    case OpId::kHeadNorm:
    case OpId::kRope:
    case OpId::kQkNormRope: return true;
    default: return false;
  }
}

bool streams_from_memory(OpId op) {
  switch (op) {
    case OpId::kLinear:
    case OpId::kQkvLinear:
    case OpId::kGateUpSwiGlu:
    case OpId::kLogits:
    case OpId::kAttention: return true;
    default: return false;
  }
}

}  // namespace qwench::bench
