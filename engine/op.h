// The vocabulary: every step of a forward pass as plain data (<Op>Args), with its cost by formula.
// Level-2 ops are what the Transformer calls; `kParts` names the level-1 ops they are composed of.
// All activations are f32; positions, sequences and tokens are i32.
#pragma once
#include <array>
#include <string_view>

#include "engine/tensor.h"

namespace qwench {

enum class OpId : uint8_t {
  kEmbed,
  kAddRmsNorm,
  kQkvLinear,
  kQkNormRope,
  kAttention,
  kLinear,
  kGateUpSwiGlu,
  kLogits,
  kArgmax,
  kAdd,
  kRmsNorm,
  kHeadNorm,
  kRope,
  kKvStore,
  kSwiGlu,
};
constexpr int kNumOps = 15;
constexpr std::array<std::string_view, kNumOps> kOpNames = {
    "embed",    "add_rms_norm",   "qkv_linear", "qk_norm_rope", "attention",
    "linear",   "gate_up_swiglu", "logits",     "argmax",       "add",
    "rms_norm", "head_norm",      "rope",       "kv_store",     "swiglu"};

/// Bytes that must move and arithmetic that must be done, whatever the kernel.
struct OpCost {
  int64_t flops = 0, bytes = 0;
};

/// Positions per KV block. Blocks are cut at absolute positions, so a sum over keys has one order.
constexpr int64_t kKvBlock = 64;

/// One layer's keys and values, of every sequence of a session. Within a block of kKvBlock
/// positions keys are stored transposed, so that 8 keys' scores are 8 SIMD lanes.
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
};

// ---- level 1 and ops without parts -------------------------------------------------------------

struct EmbedArgs {  // x[t] = w[tokens[t]]
  static constexpr OpId kId = OpId::kEmbed;
  static constexpr std::array<OpId, 0> kParts{};
  TensorView tokens;  // [n_tokens] i32, each in [0, vocab)
  WeightView w;       // [vocab, dim]
  TensorView x;       // [n_tokens, dim]
};

struct LinearArgs {  // y = x @ W^T (+ bias)
  static constexpr OpId kId = OpId::kLinear;
  static constexpr std::array<OpId, 0> kParts{};
  TensorView x;     // [n_tokens, in]
  WeightView w;     // [out, in]
  TensorView bias;  // [out] or null
  TensorView y;     // [n_tokens, out]
};

struct AddArgs {  // x += delta
  static constexpr OpId kId = OpId::kAdd;
  static constexpr std::array<OpId, 0> kParts{};
  TensorView delta;  // [n_tokens, dim]
  TensorView x;      // [n_tokens, dim]
};

struct RmsNormArgs {  // y = x / sqrt(mean(x^2) + eps) * w
  static constexpr OpId kId = OpId::kRmsNorm;
  static constexpr std::array<OpId, 0> kParts{};
  TensorView x;  // [n_tokens, dim]
  TensorView w;  // [dim]
  float eps = 0;
  TensorView y;  // [n_tokens, dim]
};

struct HeadNormArgs {  // per head: x = x / sqrt(mean(x^2) + eps) * w, in place
  static constexpr OpId kId = OpId::kHeadNorm;
  static constexpr std::array<OpId, 0> kParts{};
  TensorView x;  // [n_tokens, n_heads, head_dim]
  TensorView w;  // [head_dim]
  float eps = 0;
};

struct RopeArgs {  // rotate-half RoPE in place; pairs (j, j + head_dim/2)
  static constexpr OpId kId = OpId::kRope;
  static constexpr std::array<OpId, 0> kParts{};
  TensorView x;          // [n_tokens, n_heads, head_dim]
  TensorView positions;  // [n_tokens] i32
  TensorView cos, sin;   // [capacity, head_dim / 2]
};

struct KvStoreArgs {  // cache[sequence, position] = k, v
  static constexpr OpId kId = OpId::kKvStore;
  static constexpr std::array<OpId, 0> kParts{};
  TensorView k, v;                  // [n_tokens, n_kv_heads, head_dim]
  TensorView positions, sequences;  // [n_tokens] i32
  KvView cache;
};

struct AttentionArgs {  // causal, grouped-query: softmax(scale * q k^T) v over positions 0..pos
  static constexpr OpId kId = OpId::kAttention;
  static constexpr std::array<OpId, 0> kParts{};
  TensorView q;                     // [n_tokens, n_heads, head_dim]
  TensorView positions, sequences;  // [n_tokens] i32
  KvView cache;                     // holds positions 0..pos of each token's sequence
  float scale = 0;
  int64_t n_keys = 0;  // sum over tokens of pos + 1: the cost of causal attention
  TensorView out;      // [n_tokens, n_heads, head_dim]
};

struct SwiGluArgs {  // h = silu(gate) * up
  static constexpr OpId kId = OpId::kSwiGlu;
  static constexpr std::array<OpId, 0> kParts{};
  TensorView gate, up;  // [n_tokens, ffn_dim]
  TensorView h;         // [n_tokens, ffn_dim], may be `up`
};

struct ArgmaxArgs {  // ids[t] = first index of the largest logit
  static constexpr OpId kId = OpId::kArgmax;
  static constexpr std::array<OpId, 0> kParts{};
  TensorView logits;  // [n_tokens, vocab]
  TensorView ids;     // [n_tokens] i32
  int64_t limit = 0;  // only ids below this one (padding rows of the vocabulary are never emitted)
};

// ---- level 2 -----------------------------------------------------------------------------------

struct AddRmsNormArgs {  // x += delta; y = rms_norm(x) * w
  static constexpr OpId kId = OpId::kAddRmsNorm;
  static constexpr std::array<OpId, 2> kParts{OpId::kAdd, OpId::kRmsNorm};
  TensorView delta;  // [n_tokens, dim] or null
  TensorView x;      // [n_tokens, dim]
  TensorView w;      // [dim]
  float eps = 0;
  TensorView y;  // [n_tokens, dim]
};

struct QkvLinearArgs {  // q, k, v = x @ W^T (+ bias)
  static constexpr OpId kId = OpId::kQkvLinear;
  static constexpr std::array<OpId, 1> kParts{OpId::kLinear};
  TensorView x;                       // [n_tokens, dim]
  WeightView wq, wk, wv;              // [q_dim | kv_dim, dim]
  TensorView bias_q, bias_k, bias_v;  // [q_dim | kv_dim] or null
  TensorView q, k, v;                 // [n_tokens, q_dim | kv_dim]
};

struct QkNormRopeArgs {  // per-head norm (if weights are given), RoPE on q and k, k and v into the
                         // cache
  static constexpr OpId kId = OpId::kQkNormRope;
  static constexpr std::array<OpId, 3> kParts{OpId::kHeadNorm, OpId::kRope, OpId::kKvStore};
  TensorView q;               // [n_tokens, n_heads, head_dim]
  TensorView k, v;            // [n_tokens, n_kv_heads, head_dim]
  TensorView q_norm, k_norm;  // [head_dim] or null
  float eps = 0;
  TensorView positions, sequences;  // [n_tokens] i32
  TensorView cos, sin;              // [capacity, head_dim / 2]
  KvView cache;
};

struct GateUpSwiGluArgs {  // h = silu(x @ Wg^T) * (x @ Wu^T)
  static constexpr OpId kId = OpId::kGateUpSwiGlu;
  static constexpr std::array<OpId, 2> kParts{OpId::kLinear, OpId::kSwiGlu};
  TensorView x;             // [n_tokens, dim]
  WeightView w_gate, w_up;  // [ffn_dim, dim]
  TensorView scratch;       // [n_tokens, ffn_dim], for the composition
  TensorView h;             // [n_tokens, ffn_dim]
};

struct LogitsArgs {  // y = x @ W^T
  static constexpr OpId kId = OpId::kLogits;
  static constexpr std::array<OpId, 1> kParts{OpId::kLinear};
  TensorView x;  // [n_tokens, dim]
  WeightView w;  // [vocab, dim]
  TensorView y;  // [n_tokens, vocab]
};

OpCost cost(const EmbedArgs& a);
OpCost cost(const LinearArgs& a);
OpCost cost(const AddArgs& a);
OpCost cost(const RmsNormArgs& a);
OpCost cost(const HeadNormArgs& a);
OpCost cost(const RopeArgs& a);
OpCost cost(const KvStoreArgs& a);
OpCost cost(const AttentionArgs& a);
OpCost cost(const SwiGluArgs& a);
OpCost cost(const ArgmaxArgs& a);
OpCost cost(const AddRmsNormArgs& a);
OpCost cost(const QkvLinearArgs& a);
OpCost cost(const QkNormRopeArgs& a);
OpCost cost(const GateUpSwiGluArgs& a);
OpCost cost(const LogitsArgs& a);

template <class Args>
struct Tag {
  using type = Args;
};

/// Calls f(Tag<Args>{}) for every op, in the order of OpId.
template <class F>
void for_each_op(F&& f) {
  f(Tag<EmbedArgs>{}), f(Tag<AddRmsNormArgs>{}), f(Tag<QkvLinearArgs>{}), f(Tag<QkNormRopeArgs>{});
  f(Tag<AttentionArgs>{}), f(Tag<LinearArgs>{}), f(Tag<GateUpSwiGluArgs>{}), f(Tag<LogitsArgs>{});
  f(Tag<ArgmaxArgs>{}), f(Tag<AddArgs>{}), f(Tag<RmsNormArgs>{}), f(Tag<HeadNormArgs>{});
  f(Tag<RopeArgs>{}), f(Tag<KvStoreArgs>{}), f(Tag<SwiGluArgs>{});
}

constexpr std::string_view name_of(OpId id) { return kOpNames[size_t(id)]; }

}  // namespace qwench
